"""Inputs are taken when a step begins: what changes while a night runs is marked, with both."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.runs.witness import Witness, inputs_of, marks_of, mixed, read

KEY = SeriesKey(exchange="X", symbol="AAA", timeframe="1d")
DAY_MS = 86_400_000


def git(clone: Path, *arguments: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@x"]
    return subprocess.run(
        ["git", *who, "-C", clone, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def bars_until(store: BarStore, day: int) -> None:
    ts, one = np.arange(1, day + 1) * DAY_MS, np.ones(day)
    bars = Bars(ts_ms=ts, open=one, high=one, low=one, close=one, volume=one)
    store.write(KEY, bars, provider="x", fetched_at_ms=1, adjusted="raw", last_final=True)


def a_night(tmp_path: Path) -> tuple[Witness, Path]:
    clone, run_dir = tmp_path / "clone", tmp_path / "run"
    for folder in (clone / "pyjobs", clone / "config", run_dir / "logs"):
        folder.mkdir(parents=True)
    (clone / "pyjobs/scan.py").write_text("1\n")
    (clone / "config/desk.yaml").write_text("name: x\n")
    git(tmp_path, "init", "-q", str(clone))
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "one")
    store = BarStore(tmp_path / "raw", locks=tmp_path)
    bars_until(store, 5)
    return (
        Witness(
            run_dir=run_dir, clone=clone, desk_file=clone / "config/desk.yaml", config_dir=clone / "config",
            series=[KEY], store=store,
        ),
        clone,
    )  # fmt: skip


def test_a_night_whose_inputs_stay_is_of_one_mind(tmp_path: Path) -> None:
    seen, clone = a_night(tmp_path)
    for step in ("import_bars", "scan", "account_backtest"):
        seen.note(step)
    found = inputs_of(read(seen.run_dir))
    assert found["code"]["commit"] == git(clone, "rev-parse", "HEAD")
    assert set(found) == {"code", "config", "data", "dependencies"}
    assert mixed(found) == []


def test_a_listing_that_the_fetch_keeps_is_the_nights_own_and_no_change(tmp_path: Path) -> None:
    seen, _ = a_night(tmp_path)
    old, new = tmp_path / "2026-11-23.csv", tmp_path / "2026-11-24.csv"
    old.write_text("AAA\n")
    seen = replace(seen, lists=[old], completed=lambda: ([KEY], [new]))
    seen.note("fetch")
    new.write_text("AAA\nBBB\n")
    seen.note("scan")
    assert mixed(inputs_of(seen.taken)) == [] and set(inputs_of(seen.taken)["config"]["lists"]) == {new.name}
    at_the_end = replace(seen, lists=[new], completed=None, taken=read(seen.run_dir), marks=marks_of(seen.taken))
    at_the_end.note("make_manifest")
    assert mixed(inputs_of(at_the_end.taken)) == []


def test_an_edit_while_a_listing_is_fetched_is_a_change(tmp_path: Path) -> None:
    seen, clone = a_night(tmp_path)
    seen = replace(seen, completed=lambda: ([KEY], []))
    seen.note("fetch")
    (clone / "config/desk.yaml").write_text("name: y\n")
    seen.note("scan")
    (line,) = mixed(inputs_of(seen.taken))
    assert line.startswith("config changed") and "from scan on" in line


def test_a_pull_in_the_middle_names_both_commits_and_the_step(tmp_path: Path) -> None:
    seen, clone = a_night(tmp_path)
    was = git(clone, "rev-parse", "HEAD")
    seen.note("import_bars")
    seen.note("scan")
    (clone / "pyjobs/scan.py").write_text("2\n")
    git(clone, "commit", "-qam", "two")
    seen.note("account_backtest")
    found = inputs_of(seen.taken)
    assert found["code"]["commit"] == was
    assert [then["commit"] for then in found["code"]["mixed"]] == [git(clone, "rev-parse", "HEAD")]
    (line,) = mixed(found)
    assert was[:9] in line and "from account_backtest on" in line


def test_an_edit_without_a_commit_and_another_desk_are_told_too(tmp_path: Path) -> None:
    seen, clone = a_night(tmp_path)
    seen.note("scan")
    (clone / "pyjobs/scan.py").write_text("3\n")
    (clone / "config/desk.yaml").write_text("name: y\n")
    seen.note("report_ops")
    assert [line.split()[0] for line in mixed(inputs_of(seen.taken))] == ["code", "config"]


def test_what_the_import_brings_is_no_change_and_what_comes_later_is_one(tmp_path: Path) -> None:
    seen, _ = a_night(tmp_path)
    seen.note("import_bars")
    bars_until(seen.store, 6)
    seen.note("scan")
    assert mixed(inputs_of(seen.taken)) == []
    bars_until(seen.store, 7)
    seen.note("account_backtest")
    (line,) = mixed(inputs_of(seen.taken))
    assert line.startswith("data changed while the run went on")


def test_a_file_written_anew_with_the_same_content_is_no_change(tmp_path: Path) -> None:
    seen, clone = a_night(tmp_path)
    seen.note("scan")
    (clone / "pyjobs/scan.py").unlink()
    (clone / "pyjobs/scan.py").write_text("1\n")
    seen.note("report_ops")
    assert mixed(inputs_of(seen.taken)) == []


def test_who_looks_after_the_night_reads_no_file_again_that_has_stayed(tmp_path: Path) -> None:
    seen, clone = a_night(tmp_path)
    seen.note("scan")
    noted = read(seen.run_dir)
    after = replace(seen, taken=list(noted), marks=marks_of(noted))
    after.note("make_manifest")
    assert after.taken == noted
    bars_until(seen.store, 6)
    (clone / "pyjobs/scan.py").write_text("4\n")
    after.note("make_manifest")
    assert [line.split()[0] for line in mixed(inputs_of(after.taken))] == ["code", "data"]
