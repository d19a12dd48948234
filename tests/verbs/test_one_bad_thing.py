"""One bad thing hides nothing else: whatever stands in the place of one file, the others are read, and it is named."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.store.bar_store import BarStore
from pyjobs.runs import run_folder
from pyjobs.runs.verdict import records
from tests.support import hostile
from tests.support.verb_process import run_verb
from tests.verbs.test_import_bars import DESK, GOOD
from utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
HANGS_S = 60


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "data/dumps").mkdir(parents=True)
    (tmp_path / "run/reports").mkdir(parents=True)
    (tmp_path / "desk.yaml").write_text(DESK, encoding="utf-8")
    (tmp_path / "data/dumps/b.csv").write_text(GOOD)
    return tmp_path


def verb(home: Path, name: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return run_verb(name, *flags, env={**os.environ, "NIGHTDESK_HOME": str(home)}, timeout_s=HANGS_S)


def import_both(home: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, str | None]]:
    done = verb(home, "import_bars", "--desk", str(home / "desk.yaml"), "--out", str(home / "run"))
    report = json.loads((home / "run/reports/data.json").read_text())
    return done, {each["symbol"]: each["error"] for each in report["instruments"]}


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def file_for_a_folder(path: Path) -> None:
    path.parent.joinpath("sub").write_text("")
    desk = path.parents[2] / "desk.yaml"
    desk.write_text(desk.read_text().replace("file: a.csv", "file: sub/a.csv"))


def long_name(path: Path) -> None:
    desk = path.parents[2] / "desk.yaml"
    desk.write_text(desk.read_text().replace("a.csv", "a" * 300 + ".csv"))


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 3_000_000_000)


BAD = {
    "a loop of links": loop,
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a name of 300 letters": long_name,
    "a file where a folder should be": file_for_a_folder,
    "three gigabytes": sparse,
    "a line of 5 MB": lambda path: path.write_text("," * 5_000_000),
    "endless JSON": lambda path: path.write_text("[" * 100_000),
    "nothing there": lambda _: None,
}


@pytest.mark.parametrize("what", BAD)
def test_whatever_stands_in_the_place_of_a_dump_the_other_one_is_imported(home: Path, what: str) -> None:
    BAD[what](home / "data/dumps/a.csv")
    began = time.monotonic()
    done, errors = import_both(home)
    assert errors["B"] is None and errors["A"]
    assert done.returncode in (65, 66), done.stderr
    assert "Traceback" not in done.stderr and time.monotonic() - began < 30
    assert len(BarStore(home / "data/raw").read(SeriesKey(exchange="T", symbol="B", timeframe="1d"))) == 2


@pytest.mark.parametrize("row", hostile.ROWS.values(), ids=hostile.ROWS)
def test_a_hostile_row_costs_its_own_series_only(home: Path, row: str) -> None:
    (home / "data/dumps/a.csv").write_text(f"2018-01-23,10,13,9,12,1000\n{row}\n")
    done, errors = import_both(home)
    assert errors["B"] is None
    told = errors["A"] or ""
    assert done.returncode == (65 if told else 0), done.stderr
    assert told.isprintable() and len(told) < 4100


def test_a_pipe_in_the_place_of_a_partition_is_named_and_nobody_waits_for_it(home: Path) -> None:
    (home / "data/dumps/a.csv").write_text(GOOD)
    import_both(home)
    store = BarStore(home / "data/raw")
    (part,) = store.partitions(SeriesKey(exchange="T", symbol="A", timeframe="1d"))
    part.unlink()
    os.mkfifo(part)
    done = verb(home, "check_data", "--desk", str(home / "desk.yaml"))
    assert done.returncode == 65 and "cannot be read" in done.stdout
    done, errors = import_both(home)
    assert errors == {"A": None, "B": None}


def test_an_import_replaces_a_torn_file_of_its_own_time_and_says_where_it_is_now(home: Path) -> None:
    (home / "data/dumps/a.csv").write_text(GOOD)
    import_both(home)
    key = SeriesKey(exchange="T", symbol="A", timeframe="1d")
    (part,) = BarStore(home / "data/raw").partitions(key)
    part.write_bytes(part.read_bytes()[:100])
    done, errors = import_both(home)
    assert errors == {"A": None, "B": None}
    assert "moved to .quarantine" in done.stdout and (part.parent / ".quarantine/2018.parquet").stat().st_size == 100
    assert len(BarStore(home / "data/raw").read(key)) == 2


TAKEN = ["dots", "up", "absolute", "a slash at its end", "a minus", "reserved"]
REFUSED = [name for name in hostile.NAMES if name not in TAKEN]


@pytest.mark.parametrize("name", REFUSED)
def test_a_symbol_that_the_store_would_refuse_is_refused_when_the_desk_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "desk.yaml"
    symbol = json.dumps(hostile.NAMES[name])
    path.write_text(DESK.replace("symbol: A", f"symbol: {symbol}"))
    with pytest.raises(ConfigError, match="symbol"):
        load_desk(path)


@pytest.mark.parametrize("name", TAKEN)
def test_any_other_symbol_stays_below_its_exchange(tmp_path: Path, name: str) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(DESK.replace("symbol: A", f"symbol: {json.dumps(hostile.NAMES[name])}"))
    key = load_desk(path).instruments[0].key
    folder = BarStore(tmp_path / "raw").folder(key)
    assert folder.resolve().parents[1] == (tmp_path / "raw/T").resolve()


def test_no_line_of_the_history_hides_another(tmp_path: Path) -> None:
    lines = [
        "[" * 100_000,
        '{"job": 5, "start": "yesterday", "end": [], "code": {}, "attempts": NaN}',
        '{"job": "x", "end": Infinity, "start": -1e400}',
        '{"job": "\\u001b[2J\\n[END]", "outcome": {"a": 1}}',
        '{"job": "\\u001b[2J\\n[END]", "outcome": "ok\\u202e"}',
        "\x00\x1b",
        "null",
    ]
    (tmp_path / "history.jsonl").write_text("\n".join([*lines, '{"job":"good","end":5,"outcome":"ok"}']) + "\n")
    runs, foreign, *_ = records.read(tmp_path, now_s=100)
    assert len(runs) == 2 and foreign == 6  # three that are no JSON or no record, three that are no run
    assert runs[-1].job == "good" and runs[-1].end_s == 5
    assert all(run.job.isprintable() and run.outcome.isprintable() for run in runs)


def test_the_temporary_files_of_a_killed_step_are_not_published(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    for name in (".data.json.tmp-12-00ff", "reports/.scan.md.tmp-13-00ff", "reports/scan.md", ".hidden"):
        (tmp_path / name).write_text("x")
    run_folder.sweep_all(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".hidden", "reports", "scan.md"]


def test_a_desk_of_twenty_thousand_instruments_is_read_in_seconds(tmp_path: Path) -> None:
    path, (head, _) = tmp_path / "desk.yaml", DESK.split("instruments:\n")
    line = "  - {{symbol: S{0}, exchange: T, market: XKRX, timeframe: 1d, file: s{0}.csv, currency: KRW}}\n"
    path.write_text(f"{head}instruments:\n" + "".join(line.format(i) for i in range(20_000)))
    began = time.process_time()
    assert len(load_desk(path).instruments) == 20_000
    assert time.process_time() - began < 20


@pytest.mark.parametrize("name", ["../", "../.env", "/etc/passwd", ".", "secret/.env", "a\0b-1m"])
def test_an_instance_that_is_a_path_shows_nothing_of_a_file(home: Path, name: str) -> None:
    (home / "secret").mkdir()
    (home / "secret/.env").write_text("KEY=hunter2\n")
    (home / "secret/instances").mkdir()
    if "\0" in name:
        return
    done = verb(home, "ingest", "--instance", name)
    assert done.returncode == 64 and "hunter2" not in done.stderr + done.stdout


def test_a_dump_that_is_a_file_of_secrets_is_named_and_not_shown(home: Path) -> None:
    (home / "secret").mkdir()
    (home / "secret/.env").write_text("APCA_API_SECRET_KEY=hunter2, and, more, and, more, and more\n")
    desk = home / "desk.yaml"
    desk.write_text(desk.read_text().replace("a.csv", "../../secret/.env"))
    done, errors = import_both(home)
    assert done.returncode == 65 and "hunter2" not in done.stdout + done.stderr + str(errors)
