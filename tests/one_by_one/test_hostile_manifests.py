"""A manifest that somebody else wrote is data: whatever stands in it, its readers say something short, or refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pyjobs import verify_run
from pyjobs.frames import of_runs
from pyjobs.machines import fetching, restoring
from pyjobs.reporting import nights
from pyjobs.runs import forecast, prune, retention, sealed, witness
from pyjobs.runs.backtests import compare
from pyjobs.runs.verdict import results
from tests.one_by_one.support.runs_table import IDS, NOW, runs
from tests.support.hostile import TEXTS
from utils.errors import NightdeskError

FIELDS = (
    "run_id", "desk", "session", "status", "started_utc", "finished_utc", "size_mb", "steps", "portfolio", "inputs",
    "mixed", "files", "databases", "problems",
)  # fmt: skip
ODD: dict[str, Any] = {
    "null": None, "a list": [], "lists": [[[]]], "a number": 7, "a long number": 10**400, "minus": -1e300, "true": True,
    "an empty table": {}, "names of files": {"../../etc/passwd": {"bytes": 1, "sha256": "x"}, "": 5, "/": None},
    "a table of lists": {"reports/0.md": [], "x": {"y": []}},
}  # fmt: skip
VALUES = {name: text.encode("utf-8", "replace").decode() for name, text in TEXTS.items()} | ODD


def read_all(home: Path) -> Iterator[str]:
    """What each reader of manifests says of the middle run."""
    folder = home / "data/server_runs"
    found = retention.decide(prune.look(folder), keep_days=1, keep_max_runs=1)
    yield from (f"{each.action} {each.reason}" for each in found)
    yield forecast.of_runs(folder, free_bytes=1, environ={}).sentence()
    yield from (each.detail for each in results.check_last_runs(folder, NOW.timestamp() + 9, []))
    yield from (each.detail for each in results.check_last_runs(folder, NOW.timestamp() + 9, ["d"]))
    yield from of_runs.runs().astype(str)["run"]
    for path in (folder / IDS[2], folder / IDS[1]):
        try:
            yield from sealed.verify(path)
        except NightdeskError as error:
            yield str(error)
        try:
            yield str(restoring.restore(path, home / "restored"))
        except NightdeskError as error:
            yield str(error)
    yield from compare.compare(folder / IDS[1], folder / IDS[2]).lines()
    yield from witness.mixed({})


def record(home: Path) -> list[str]:
    """The history of pulls after one."""

    class Nobody:
        remote = "nobody"

    fetch = fetching.Fetch(Nobody(), "/", home / "data/server_runs", print, -1)  # type: ignore[arg-type]
    fetching.record(fetch, "2026-11-20T13:10:00Z")
    path = home / "data/server_runs/_meta/pull_history.tsv"
    text = path.read_text(encoding="utf-8")
    path.unlink()
    return text.split("\n")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    runs(tmp_path)
    return tmp_path


def test_whatever_a_field_holds(home: Path) -> None:
    holds(home, [(FIELDS[number % len(FIELDS)], what) for number, what in enumerate(VALUES)])
    holds(home, [("files", "20 kB"), ("inputs", "a path"), ("portfolio", "HTML"), ("databases", "a table of lists")])


@pytest.mark.torture
@pytest.mark.parametrize("field", FIELDS)
def test_whatever_each_field_holds(field: str, home: Path) -> None:
    holds(home, [(field, what) for what in VALUES])


def holds(tmp_path: Path, tried: Sequence[tuple[str, str]]) -> None:
    """With each of these (field, name of its value) in the newest run's manifest."""
    path = tmp_path / "data/server_runs" / IDS[2] / "manifest.json"
    whole = json.loads(path.read_text())
    for field, what in tried:
        value = VALUES[what]
        path.write_text(json.dumps({**whole, field: value}), encoding="utf-8")
        for said in read_all(tmp_path):
            assert len(said) < 4100, (what, said[:200])
        lines = record(tmp_path)
        assert len(lines) == 3 and lines[1].count("\t") == 5, what
        assert all(line.replace("\t", "").isprintable() and len(line) < 500 for line in lines), what
        page = nights.write_index(tmp_path / "data/server_runs", tmp_path / "reports", path.parent, tmp_path / "r/d")
        assert not re.search(r"<script>alert|<img|\x1b|\u202e", page.read_text(encoding="utf-8")), what
        assert not (tmp_path / "restored").exists()
    path.write_text(json.dumps(whole), encoding="utf-8")


def test_verify_run_names_what_cannot_be_read_and_goes_on(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "data/server_runs" / IDS[1] / "manifest.json"
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with pytest.raises(NightdeskError, match="cannot be read: Input/output error"):
        verify_run.main(["--all"])
    said = capsys.readouterr().out
    assert f"{IDS[0]}: every file is as" in said and f"{IDS[2]}: every file is as" in said
