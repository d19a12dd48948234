"""The verbs that fill the store: what they print, write and exit with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyjobs.import_bars import main as import_bars
from pyjobs.make_sample import main as make_sample
from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.bar_store import BarStore
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
DESK = """\
name: mine
market: XKRX
dumps: data/dumps
accounts: {}
setups: {}
instruments:
  - {symbol: A, exchange: T, market: XKRX, timeframe: 1d, file: a.csv, currency: KRW}
  - {symbol: B, exchange: T, market: XKRX, timeframe: 1d, file: b.csv, currency: KRW}
"""
GOOD = "2018-01-24,10,13,9,12,1000\n2018-01-25,12,14,11,13,2000\n"
SWAPPED = "2018-01-24,10,13,9,12,1000\n2018-01-25,12,11,14,13,2000\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    (tmp_path / "data" / "dumps").mkdir(parents=True)
    (tmp_path / "run" / "reports").mkdir(parents=True)
    (tmp_path / "desk.yaml").write_text(DESK, encoding="utf-8")
    return tmp_path


def dumps(home: Path, **texts: str) -> list[str]:
    for name, text in texts.items():
        (home / "data" / "dumps" / f"{name}.csv").write_text(text, encoding="utf-8")
    return ["--desk", str(home / "desk.yaml"), "--out", str(home / "run")]


def test_two_good_dumps_are_imported_and_reported(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(import_bars, dumps(home, a=GOOD, b=GOOD)) == 0
    shown = capsys.readouterr()
    assert "T:A:1d     2     2  2018-01-24  2018-01-25    2        0     0     0  1 written" in shown.out
    assert "[2/2] T:B:1d 2 bars" in shown.err
    report = json.loads((home / "run" / "reports" / "data.json").read_text())
    assert report["desk"] == "mine"
    assert report["instruments"][0] == {
        "symbol": "A",
        "exchange": "T",
        "timeframe": "1d",
        "file": "a.csv",
        "rows_read": 2,
        "bars": 2,
        "first_session": "2018-01-24",
        "last_session": "2018-01-25",
        "first_ts_ms": 1_516_775_400_000,  # date -u -d '2018-01-24 06:30' +%s
        "last_ts_ms": 1_516_861_800_000,
        "new": 2,
        "changed": 0,
        "same": 0,
        "left": 0,
        "gone": 0,
        "rebased": False,
        "unconfirmed_ts_ms": 1_516_861_800_000,
        "cleaned": [],
        "oddities": [],
        "beside_store": [],
        "error": None,
    }


def test_what_all_series_share_is_one_line_and_a_month_repeats_no_columns(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "desk.yaml").write_text(DESK.replace("b.csv", "b-*.csv"), encoding="utf-8")
    head = "date,open,high,low,close,volume,mood\n"
    january, february = (f"{head}{day},10,13,9,12,1000,good\n" for day in ("2018-01-24", "2018-02-22"))
    assert run(import_bars, dumps(home, a=GOOD, **{"b-01": january, "b-02": february})) == 0
    shown = capsys.readouterr().out
    assert "newest bar of 2 series: unconfirmed" in shown and "(2018-01-25 06:30 UTC to 2018-02-22 06:30 UTC)" in shown
    assert [line.split() for line in shown.splitlines() if "columns not used" in line] == [
        ["T:B:1d", "oddity", "1", "columns", "not", "used", "mood"]
    ]


def test_a_bad_dump_is_named_exits_65_and_hides_no_other(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(import_bars, dumps(home, a=SWAPPED, b=GOOD)) == 65
    shown = capsys.readouterr().out
    assert "1 of 2 failed:" in shown
    assert "a.csv: line 2: high is below low; are columns swapped" in shown
    store = BarStore(home / "data" / "raw")
    assert store.series() == [SeriesKey(exchange="T", symbol="B", timeframe="1d")]
    entries = json.loads((home / "run" / "reports" / "data.json").read_text())["instruments"]
    assert [entry["error"] is None for entry in entries] == [False, True]
    assert entries[0]["bars"] == 0 and entries[0]["last_session"] is None


def test_a_missing_dump_exits_66_and_hides_no_other(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(import_bars, dumps(home, b=GOOD)) == 66
    assert "a.csv: no such file" in capsys.readouterr().out
    assert len(BarStore(home / "data" / "raw").series()) == 1


def test_a_missing_folder_of_dumps_exits_66(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(import_bars, [*dumps(home), "--dumps", str(home / "none")]) == 66
    assert "none: no such folder of dumps" in capsys.readouterr().err


def test_a_wrong_desk_exits_78(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "desk.yaml").write_text(DESK.replace("market: XKRX\ndumps", "market: XWBO\ndumps"), encoding="utf-8")
    assert run(import_bars, dumps(home)) == 78
    assert "desk.yaml:2: market: unknown market 'XWBO'" in capsys.readouterr().err


def test_prices_that_turn_adjusted_are_not_mixed_in(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(import_bars, dumps(home, a=GOOD, b=GOOD)) == 0
    text = DESK.replace("file: a.csv", "file: a.csv, prices: adjusted")
    (home / "desk.yaml").write_text(text, encoding="utf-8")
    assert run(import_bars, dumps(home)) == 65
    assert "T:A:1d: the store holds raw prices, these are adjusted; never mixed" in capsys.readouterr().out


@pytest.mark.parametrize("end", ["2999-01-01", "soon", "2001-01-01"])
def test_an_end_that_cannot_be_is_wrong_usage(home: Path, end: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_sample, ["--end", end]) == 64
    assert end in capsys.readouterr().err
    assert not (home / "data" / "sample").exists()


def test_a_holiday_as_the_end_means_the_session_before_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_sample, ["--end", "2026-10-31"]) == 0  # a Saturday
    assert f"up to session 2026-10-30 in {home / 'data' / 'sample'}" in capsys.readouterr().out


def test_the_sample_desk_imports_its_own_sample_without_a_failure(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(make_sample, ["--end", "2026-10-30"]) == 0
    assert run(import_bars, ["--desk", str(ROOT / "config" / "desk.sample.yaml")]) == 0
    shown = capsys.readouterr().out
    assert "FAILED" not in shown
    store = BarStore(home / "data" / "raw")
    assert len(store.series()) == 14
    assert store.read(SeriesKey(exchange="SAMPLE", symbol="SMP001", timeframe="1d")).ts_ms[-1] == 1_793_341_800_000
    assert store.read(SeriesKey(exchange="SAMPLE", symbol="SMPUSD", timeframe="5m")).ts_ms[-1] == 1_793_342_100_000


@pytest.mark.parametrize("verb", ["import_bars", "make_sample"])
def test_help_and_wrong_usage_need_nothing_heavy(verb: str) -> None:
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['{verb}', '--help']\n"
        "try: runpy.run_module('pyjobs." + verb + "', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'yaml', 'msgspec'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
    wrong = subprocess.run([sys.executable, "-m", f"pyjobs.{verb}", "--nonsense"], capture_output=True, cwd=ROOT)
    assert wrong.returncode == 64


def test_explain_says_what_a_file_is_taken_for_and_writes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = dumps(home, a="Date,Open,High,Low,Close,Volume,Foo\n2018-01-24,10,13,9,12,5,1\n")[:2]
    file = home / "data" / "dumps" / "a.csv"
    assert run(import_bars, [*arguments, "--explain", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "a.csv: 1 rows; format: by its columns\n" in shown
    assert "'Close': close; first '12'" in shown
    assert "'Foo': not used; first '1'" in shown
    assert "first bar: closes 2018-01-24 06:30 UTC: open 10 high 13 low 9 close 12 volume 5" in shown
    assert not (home / "data" / "raw").exists()
    file.write_text("2018-01-24,10,13,9,12,5\n", encoding="utf-8")
    assert run(import_bars, [*arguments, "--explain", str(file)]) == 0
    assert "format: no header, in the order of `ohlcv`\n" in capsys.readouterr().out
    file.write_text(SWAPPED, encoding="utf-8")
    assert run(import_bars, [*arguments, "--explain", str(file), "--symbol", "B"]) == 65
    assert "refused: " in capsys.readouterr().out
    assert run(import_bars, [*arguments, "--explain", str(home / "other.csv")]) == 64
    assert run(import_bars, [*arguments, "--symbol", "B"]) == 64


def test_a_run_folder_that_is_not_there_is_wrong_usage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(import_bars, [*dumps(home, a=GOOD, b=GOOD)[:2], "--out", str(home / "none")]) == 64
    assert "none: there is no such folder" in capsys.readouterr().err


def test_a_series_that_ended_before_its_calendar_begins_stops_no_other(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pyjobs.check_data import main as check_data
    from pyjobs.healthcheck import main as healthcheck

    text = DESK.replace("file: a.csv", "file: a.csv").replace(
        "market: XKRX, timeframe: 1d, file: a", "market: XNYS, timeframe: 1d, file: a"
    )
    (home / "desk.yaml").write_text(text, encoding="utf-8")
    arguments = dumps(home, a=GOOD.replace("2018", "2006"), b=GOOD)[:2]
    assert run(import_bars, arguments) == 0
    assert run(check_data, arguments) == 0
    assert "T:B:1d" in capsys.readouterr().out
    assert run(healthcheck, arguments) == 3  # of a clone whose jobs have never run
    assert "data T:A:1d" in capsys.readouterr().out
