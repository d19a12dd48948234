"""Nobody waits for a pipe in a file's place, and a link to nothing is never taken for nothing being there."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pyjobs.market import desks
from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk import corporate_actions
from pyjobs.market.ingest import backfill, looks
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe import symbol_states
from pyjobs.runs.verdict import holders, logs
from pyjobs.scanning import news
from utils import trading_day
from utils.errors import BadDataError
from utils.files import atomic
from utils.settings import config

BOUND_S = 30
KEY = SeriesKey(exchange="T", symbol="A", timeframe="1d")
SEOUL = trading_day.load("XKRX")


def a_pipe(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "the holder of a lock": (".locks/x.holder", lambda home: holders.holders(home / ".locks", 0.0)),
    "a dated log": ("logs/x_2026-11-20.log", lambda home: logs.last_lines(home / "logs/x_2026-11-20.log")),
    "a log and the history": (
        "logs/x_2026-11-20.log",
        lambda home: logs.unrecorded("2026-11-20", home / "logs/x_2026-11-20.log", [], SEOUL, ("x", "")),
    ),
    "what scans have seen": ("data/scan/d.json", lambda home: news.load(home / "data/scan/d.json", 0)),
    "what is known of symbols": ("data/universe/T.json", lambda _: symbol_states.load("T")),
    "a series' looks": ("data/raw/T/A/1d/.looks.json", lambda home: looks.load(BarStore(home / "data/raw"), KEY)),
    "a backfill's task": (f"data/raw/{backfill.TASK}", lambda home: backfill.read_task(home / "data/raw")),
    "a result that nobody reads": ("out.json", lambda home: atomic.write_text(home / "out.json", "{}")),
}


@pytest.mark.parametrize("what", READERS)
def test_it_is_said_or_passed_over_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    name, read = READERS[what]
    a_pipe(tmp_path / name)
    began = time.monotonic()
    try:
        found = read(tmp_path)
    except (OSError, BadDataError):
        found = None
    assert time.monotonic() - began < 1
    assert found in (None, [], {}) or isinstance(found, tuple)


def test_a_pipe_with_a_reader_is_written_to(tmp_path: Path) -> None:
    path = a_pipe(tmp_path / "out")
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as reader:
        until = time.monotonic() + BOUND_S
        while True:
            try:
                atomic.write_text(path, "all of it\n")
                break
            except OSError:  # cat has not opened it yet
                assert time.monotonic() < until
        assert reader.communicate(timeout=BOUND_S)[0] == b"all of it\n"


def test_a_desk_that_is_a_link_to_nothing_is_not_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    (tmp_path / "config/desk.yaml").symlink_to("/mnt/not-there/desk.yaml")
    assert desks.desk_path(None, tmp_path / "config") == tmp_path / "config/desk.yaml"
    assert [each.name for each in desks.own_desks(tmp_path / "config")] == [""]


def test_a_config_of_ones_own_that_is_a_link_to_nothing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/jobs.yaml").symlink_to("nowhere")
    assert config.own_or_default("jobs.yaml") == tmp_path / "secret/jobs.yaml"


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("nowhere"), Path.mkdir, os.mkfifo])
def test_corporate_actions_that_are_no_file_are_refused_not_none(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "corporate_actions.csv"
    assert corporate_actions.read_actions(path) == []
    make(path)
    with pytest.raises(BadDataError, match="not a file"):
        corporate_actions.read_actions(path)
