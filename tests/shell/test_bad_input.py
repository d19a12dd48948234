"""Bad input, given to a whole night through the whole chain: a clear error, its own exit code, nothing half-written."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.shell.conftest import APART, House, may_mount
from tests.support.verb_process import run_verb
from utils import trading_day

DESK = """\
name: hand
market: XKRX
dumps: dumps
session: last_bar
accounts:
  krw: {currency: KRW, cash: 1000000, max_positions: 1, max_weight: 1.0}
setups:
  breakout_20: {window: 20}
instruments:
  - {symbol: AAA, exchange: HAND, market: XKRX, timeframe: 1d, currency: KRW, file: AAA.csv}
  - {symbol: BBB, exchange: HAND, market: XKRX, timeframe: 1d, currency: KRW, file: BBB.csv}
"""
DAYS = [session.date.isoformat() for session in trading_day.load("XKRX").sessions()[-500:-440]]
GOOD = "date,open,high,low,close,volume\n" + "".join(f"{day},100,102,99,101,1000\n" for day in DAYS)
NOW = "1795143600"


@pytest.fixture
def desk(house: House) -> Path:
    """A desk of two instruments with good dumps."""
    (house.home / "dumps").mkdir()
    for symbol in ("AAA", "BBB"):
        (house.home / "dumps" / f"{symbol}.csv").write_text(GOOD)
    path = house.home / "desk.yaml"
    path.write_text(DESK)
    return path


def night(house: House, desk: Path, *more: str) -> tuple[int, str]:
    """A night's exit code, and all its output."""
    argv = [str(house.clone / "batch/run_nightly.sh"), "--desk", str(desk), *more]
    ended = house.run(argv, NIGHTDESK_NOW=NOW, PYTHONBIN=sys.executable)
    return ended.returncode, ended.stderr.decode() + house.log("nightly")


def another(house: House, desk: Path) -> tuple[int, str]:
    """A night without the chain, whose processes are forks: what one through it has shown needs no second."""
    env = {**os.environ, "NIGHTDESK_HOME": str(house.home), "NIGHTDESK_NOW": NOW}
    ended = run_verb("nightly", "--desk", desk, env=env)
    return ended.returncode, ended.stderr + ended.stdout


def runs(house: House) -> list[Path]:
    folder = house.home / "data/server_runs"
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("max_weight: 1.0", "max_weigth: 1.0", "max_weigth"),
        (
            "market: XKRX, timeframe: 1d, currency: KRW, file: BBB",
            "market: XWBO, timeframe: 1d, currency: KRW, file: BBB",
            "XWBO",
        ),
        ("cash: 1000000", "cash: plenty", "plenty"),
        ("breakout_20: {window: 20}", "breakout_99: {window: 20}", "breakout_99"),
        ("window: 20", "window: 0", "window"),
        ("market: XKRX\ndumps", "market: [XKRX\ndumps", "desk.yaml:3: not valid YAML"),
    ],
    ids=["unknown key", "unknown market", "wrong type", "unknown setup", "out of range", "not YAML"],
)
def test_a_config_that_cannot_be_is_78_and_names_file_and_value(
    house: House, desk: Path, old: str, new: str, says: str
) -> None:
    desk.write_text(DESK.replace(old, new))
    code, said = night(house, desk)
    assert code == 78, said
    assert "desk.yaml" in said and says in said
    assert not runs(house) or json.loads((runs(house)[0] / "manifest.json").read_text())["status"] == "partial"


def test_an_empty_universe_is_78(house: House, desk: Path) -> None:
    desk.write_text(DESK[: DESK.index("instruments:")] + "instruments: []\n")
    code, said = night(house, desk)
    assert code == 78
    assert "the universe is empty" in said
    assert not runs(house)


def test_bad_dumps_are_each_named_and_hide_no_other_instrument(house: House, desk: Path) -> None:
    bad = {
        "TRUNCATED": GOOD[:-9],
        "HIGHLOW": GOOD.replace(",100,102,99,101,", ",100,99,102,101,", 1),
        "FUTURE": GOOD + "2027-11-19,100,102,99,101,1000\n",
        "EMPTY": "",
        "BINARY": "\x00\x01\x02" * 100,
    }
    for symbol, content in bad.items():
        (house.home / "dumps" / f"{symbol}.csv").write_text(content)
    line = DESK.splitlines(keepends=True)[-1]
    desk.write_text(DESK + "".join(line.replace("BBB", symbol) for symbol in bad))
    code, said = night(house, desk)
    assert (code, "[FAIL] import_bars" in said) == (65, True), said
    (run,) = runs(house)
    told = (run / "logs/01_import_bars.log").read_text()
    assert [symbol for symbol in bad if f"{symbol}.csv" not in told] == [] and "2027-11-19" in told
    assert json.loads((run / "manifest.json").read_text())["status"] == "partial"
    scan = (run / "reports/scan.md").read_text()
    assert "AAA" in scan and "BBB" in scan


def test_a_missing_dump_is_66_and_hides_no_other_instrument(house: House, desk: Path) -> None:
    (house.home / "dumps/AAA.csv").unlink()
    code, said = another(house, desk)
    assert (code, "[FAIL] import_bars" in said, "AAA.csv" in said) == (66, True, True), said
    (run,) = runs(house)
    assert json.loads((run / "manifest.json").read_text())["status"] == "partial"
    assert "BBB" in (run / "reports/scan.md").read_text()


def test_a_good_night_is_0_and_its_duplicate_and_unsorted_days_are_cleaned_and_told(house: House, desk: Path) -> None:
    lines = GOOD.splitlines(keepends=True)
    mixed = [lines[0], *reversed(lines[1:]), lines[5], lines[7].replace("101", "100.5")]
    (house.home / "dumps" / "AAA.csv").write_text("".join(mixed))
    code, said = another(house, desk)
    assert code == 0, said
    (run,) = runs(house)
    assert json.loads((run / "manifest.json").read_text())["status"] == "ok"
    data = json.loads((run / "reports/data.json").read_text())["instruments"][0]
    assert data["bars"] == len(DAYS)
    assert len(data["cleaned"]) >= 3


def test_a_missing_folder_of_dumps_is_66_and_an_unknown_flag_64(house: House, desk: Path) -> None:
    code, said = night(house, desk, "--dumps", "/nowhere/at/all")
    assert (code, "/nowhere/at/all" in said) == (66, True), said
    code, said = night(house, desk, "--no-such-flag")
    assert (code, "unrecognized arguments: --no-such-flag" in said) == (64, True)


def test_a_data_folder_that_cannot_be_written_is_73_with_nothing_half_written(house: House, desk: Path) -> None:
    (house.home / "data").write_text("in the way")
    code, said = night(house, desk)
    assert code == 73, said
    assert str(house.home / "data") in said


@pytest.mark.skipif(not may_mount(), reason="nothing can be mounted here")
def test_a_read_only_data_folder_is_73(house: House, desk: Path) -> None:
    data = house.home / "data"
    data.mkdir()
    inner = " ".join(f"'{part}'" for part in [str(house.clone / "batch/run_nightly.sh"), "--desk", str(desk)])
    script = f"mount -t tmpfs -o ro tmpfs '{data}' && {inner}"
    ended = house.run([*APART, "bash", "-c", script], PYTHONBIN=sys.executable)
    assert ended.returncode == 73, ended.stderr
    assert b"Read-only file system" in ended.stderr


def test_a_desk_file_that_is_not_there_is_named(house: House) -> None:
    code, said = night(house, house.home / "nowhere.yaml")
    assert code in (66, 78)
    assert "nowhere.yaml" in said
