"""KRX's shares by the board: sessions that come late, shares that are halted, gone or split, and the end of day."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pyjobs import report_eod, scan
from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk import listings
from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.exchanges import Exchange, load_exchanges
from pyjobs.market.ingest.sources import Sources, quoted_as
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe.by_board import worth_asking
from pyjobs.market.universe.due import ready_session
from pyjobs.market.universe.looking import board_looks, looked
from pyjobs.runs import manifest
from pyjobs.runs.run_folder import finished_runs
from pyjobs.runs.verdict.series import check_boards
from tests.fakemarket.krx_shares import Event
from tests.fakemarket.server import FakeMarket
from tests.fakemarket.universe import INSTRUMENTS
from tests.support.verb_process import run_verb
from tests.verbs.support.fetching import HOUR_S, KOREA, Home, made_home
from utils import clock, trading_day
from utils.run import run
from utils.settings import config

ROOT = Path(__file__).resolve().parents[2]
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (dt.date(2026, 11, day) for day in (23, 24, 25, 26))
EXAM = dt.date(2026, 11, 19)


def seoul_s(day: dt.date, hour: int, minute: int) -> int:
    """The UTC second of a time in Seoul, nine hours ahead all year."""
    return int(dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=dt.UTC).timestamp()) - 9 * HOUR_S


@pytest.fixture
def home(
    fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Home:
    """Eight shares in the evening of a Monday; two are real names, six made up and untouched by any event."""
    made = made_home(
        fakemarket, tmp_path, monkeypatch, capsys, KOREA % ", ".join(f'"{code}"' for code in codes(fakemarket))
    )
    made.at(seoul_s(MONDAY, 20, 0))
    return made


def codes(fake: FakeMarket) -> list[str]:
    plain = [
        code
        for code, each in fake.krx.shares.all.items()
        if each.board == "STK"
        and not (each.gone or each.events or each.halts or each.renamed)
        and each.listed < dt.date(2020, 1, 1)
    ]
    return ["005930", "000660", *sorted(plain)[:6]]


def eod(home: Home) -> int:
    code = run(report_eod.main, ["--desk", str(home.root / "desk.yaml")])
    told = home.captured.readouterr()
    home.said, home.problem = told.out, told.err
    return code


def test_a_session_of_all_shares_is_two_questions_and_every_share_that_has_no_bar_is_told_apart(home: Home) -> None:
    shares, wanted = home.fake.krx.shares.all, codes(home.fake)
    assert home.fetch() == 0
    assert home.missing() == {} and home.days("KRX", wanted[2])[-1] == "2026-11-23"
    halted, gone, split = (shares[code] for code in wanted[2:5])
    halted.halts.append((TUESDAY, TUESDAY))
    gone.gone = TUESDAY
    split.events.append(Event(session=TUESDAY, ratio=0.2, shares=5.0, listed=TUESDAY))
    home.at(seoul_s(TUESDAY, 20, 0))
    boards = home.asked("krx", "getJsonData")
    assert home.fetch() == 0
    assert home.missing() == {halted.code: "halted", gone.code: "gone"} and not home.report["partial"]
    asked = [one.params["bld"] for one in home.fake.requests("krx", "getJsonData")[boards:]]
    assert sum(bld.endswith("MDCSTAT01501") for bld in asked) == 5  # two boards of Monday and Tuesday, and KONEX
    assert home.days("KRX", wanted[5])[-2:] == ["2026-11-23", "2026-11-24"]
    assert home.days("KRX", halted.code)[-1] == home.days("KRX", gone.code)[-1] == "2026-11-23"
    actions = (home.root / "data/actions/KRX.csv").read_text(encoding="utf-8")
    assert f"{split.code},2026-11-24,base,0.2," in actions
    assert listings.sessions_kept("KRX") == [MONDAY, TUESDAY]
    assert any(gone.code in each for each in home.report["exchanges"][0]["went"])
    before = home.asked("krx")
    assert home.fetch() == 0
    assert home.asked("krx") == before and home.missing() == {halted.code: "halted", gone.code: "gone"}


def test_of_a_board_that_has_lost_half_of_its_shares_overnight_nothing_is_taken(home: Home) -> None:
    assert home.fetch() == 0
    home.at(seoul_s(TUESDAY, 20, 0))
    assert home.fetch() == 0
    lost = [each for each in home.fake.krx.shares.all.values() if each.board == "STK" and each.is_listed(WEDNESDAY)]
    for each in lost[: len(lost) * 2 // 3]:
        each.gone = WEDNESDAY
    home.at(seoul_s(WEDNESDAY, 20, 0))
    assert home.fetch() == 65
    assert "half a market does not go overnight" in home.problem and set(home.missing().values()) == {"bad_data"}
    assert home.report["exchanges"][0]["up_to_date"] == 0 and len(home.missing()) == 8
    assert listings.sessions_kept("KRX") == [MONDAY, TUESDAY]
    for each in lost:
        each.gone = None
    assert home.fetch() == 0
    assert home.days("KRX", "005930")[-2:] == ["2026-11-24", "2026-11-25"] and home.missing() == {}
    assert listings.sessions_kept("KRX") == [MONDAY, TUESDAY, WEDNESDAY]


def test_who_runs_no_night_has_what_krx_revises_by_the_end_of_day(home: Home) -> None:
    for day in (MONDAY, TUESDAY):
        home.at(seoul_s(day, 20, 0))
        assert eod(home) == 0
    kept = listings.read_listing("KRX", MONDAY)
    had = [row._replace(turnover=row.turnover + 1) if row.symbol == "005930" else row for row in kept.rows]
    listings.write_listing("KRX", MONDAY, had)
    store = BarStore(home.root / "data/raw", locks=home.root / ".locks")
    key = SeriesKey(exchange="KRX", symbol="005930", timeframe="1d")
    true = store.read(key, start_ms=seoul_s(MONDAY, 15, 30) * 1000, end_ms=seoul_s(MONDAY, 15, 30) * 1000)
    wrong = replace(true, volume=true.volume + 7)
    store.write(key, wrong, provider="krx_stock", fetched_at_ms=0, adjusted="raw", last_final=True)
    (home.root / "data/universe/KRX.boards.json").unlink()  # begins anew, and Monday is its first
    board_looks.look_again(store, Sources(), "KRX", "XKRX", MONDAY, now_ms=seoul_s(MONDAY, 20, 0) * 1000)
    home.at(seoul_s(WEDNESDAY, 20, 0))
    assert eod(home) == 0
    assert "[news] KRX:005930:1d: 1 stored bar revised by the provider: that of 2026-11-23 06:30 UTC" in home.said
    assert store.read(key).volume[-3] == true.volume[0]
    assert "looked at again up to 2026-11-24" in health(home)
    home.at(seoul_s(THURSDAY, 20, 0))
    assert eod(home) == 0
    page = (home.root / "reports/eod_2026-11-26.md").read_text(encoding="utf-8")
    assert "since the last page: KRX:005930:1d: 1 stored bar revised by the provider" in page
    assert looked.load("KRX").page_of("") == looked.Found()


def health(home: Home) -> str:
    """What health says of boards."""
    exchange = load_exchanges(config.own_or_default("exchanges.yaml"))
    (found,) = check_boards([load_desk(home.root / "desk.yaml")], exchange, clock.now_s())
    return found.detail


def test_an_end_of_day_waits_for_a_provider_that_publishes_at_half_past_six(home: Home) -> None:
    home.fake.krx.shares.publish = dt.time(18, 30)
    assert home.fetch() == 0
    home.at(seoul_s(TUESDAY, 18, 20))
    assert eod(home) == 2
    assert "8 of 8 traded instruments have no bar of session 2026-11-24 yet (their newest: 2026-11-23): 005930" in (
        home.problem
    )
    home.at(seoul_s(TUESDAY, 18, 40))
    assert eod(home) == 0
    assert (home.root / "reports/eod_2026-11-24.md").is_file()
    three = [home.fake.krx.shares.all[code] for code in codes(home.fake)[2:5]]
    for each in three:
        each.gone = WEDNESDAY
    home.fake.krx.shares.all[codes(home.fake)[5]].halts.append((WEDNESDAY, WEDNESDAY))
    home.at(seoul_s(WEDNESDAY, 18, 40))
    assert eod(home) == 0, "half of them have no bar, and nobody waits for any of those"


def test_a_scan_at_half_past_ten_has_prices_of_now_of_krx_shares(home: Home) -> None:
    home.write(KOREA % f'"005930", "000660", "{codes(home.fake)[2]}"')
    assert home.fetch() == 0
    home.at(seoul_s(TUESDAY, 10, 30))
    assert run(scan.main, ["--desk", str(home.root / "desk.yaml")]) == 0
    assert "1 by their last close, no price of now is known" in home.captured.readouterr().out  # Yahoo has it not
    page = (home.root / "reports/scan_2026-11-24.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines() if "| 00" in line]
    assert [row[1:4] + row[6:8] for row in rows] == [
        [code, "1d", "trade", "2026-11-24 10:10 UTC+9", "provisional"] for code in ("005930", "000660")
    ]
    samsung = next(one for one in INSTRUMENTS if one.krx_stock == "005930")
    home.at(seoul_s(TUESDAY, 10, 10))  # Yahoo is twenty minutes late with Korea, by its own delay field
    now = home.fake.market.daily(samsung, TUESDAY, TUESDAY).ohlc[-1, 3]
    assert float(rows[0][4].replace(",", "")) == pytest.approx(now, abs=0.51)
    assert home.days("KRX", "005930")[-1] == "2026-11-23", "nothing provisional is stored"


def test_krx_shares_are_quoted_by_the_board_of_the_newest_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    krx = Exchange(provider="krx_stock", market="XKRX", page_bars=500, quotes="YAHOO_KR")
    asked, evening_s = ["005930", "200010", "300010"], seoul_s(MONDAY, 20, 0)
    assert quoted_as("KRX", krx, asked, now_s=evening_s)["300010"] == "300010.KS"
    rows = [listings.Listed("005930", "", "KOSPI", 1, 1, 1), listings.Listed("300010", "", "KOSDAQ", 1, 1, 1)]
    listings.write_listing("KRX", MONDAY, rows)
    assert list(quoted_as("KRX", krx, asked, now_s=evening_s).values()) == ["005930.KS", "200010.KS", "300010.KQ"]
    plain = Exchange(provider="alpaca", market="XNYS", page_bars=500, quotes="YAHOO")
    assert quoted_as("ALPACA", plain, ["AAPL"], now_s=evening_s) == {"AAPL": "AAPL"}


def test_an_exam_day_closes_an_hour_late_and_is_due_by_its_own_close() -> None:
    calendar = trading_day.load("XKRX")
    krx = Exchange(provider="krx_stock", market="XKRX", page_bars=500, ready="18:35")
    plain = Exchange(provider="yf_etf", market="XKRX", page_bars=500)
    exam = calendar.session(EXAM)
    assert exam is not None and exam.close_utc_s == seoul_s(EXAM, 16, 30)
    assert ready_session(plain, seoul_s(EXAM, 16, 40)).date == dt.date(2026, 11, 18)
    assert ready_session(plain, seoul_s(EXAM, 16, 45)).date == EXAM
    assert ready_session(krx, seoul_s(EXAM, 18, 34)).date == dt.date(2026, 11, 18)
    assert ready_session(krx, seoul_s(EXAM, 18, 35)).date == EXAM
    assert ready_session(krx, seoul_s(dt.date(2026, 12, 25), 20, 0)).date == dt.date(2026, 12, 24)  # Christmas


def test_new_york_closes_at_one_after_thanksgiving_and_its_winter_begins_in_november() -> None:
    plain = Exchange(provider="yf_etf", market="XNYS", page_bars=500)
    half, utc = dt.date(2026, 11, 27), dt.UTC
    ready = int(dt.datetime(2026, 11, 27, 18, 15, tzinfo=utc).timestamp())
    assert ready_session(plain, ready - 1).date == dt.date(2026, 11, 25)
    assert ready_session(plain, ready).date == half
    summer = int(dt.datetime(2026, 10, 30, 20, 15, tzinfo=utc).timestamp())
    winter = int(dt.datetime(2026, 11, 2, 21, 15, tzinfo=utc).timestamp())
    assert ready_session(plain, summer).date == dt.date(2026, 10, 30)
    assert ready_session(plain, winter - 1).date == dt.date(2026, 10, 30)
    assert ready_session(plain, winter).date == dt.date(2026, 11, 2)


@pytest.mark.parametrize(
    ("lacking", "depth"),
    [
        ([1] * 2_700, 1),
        ([1] * 2_699 + [300], 1),  # the one goes by itself
        ([1], 0),  # two boards for one share
        ([1, 1], 1),  # the same: the boards tell more
        ([3, 3, 3], 0),
        ([1] * 100 + [5] * 100, 5),  # ten questions, not two and a hundred
        ([], 0),
    ],
)
def test_boards_are_asked_for_as_long_as_that_is_fewer_questions(lacking: list[int], depth: int) -> None:
    assert worth_asking(lacking, 2) == depth


def test_a_night_on_fetched_bars_is_ok_and_says_what_it_fetched(home: Home) -> None:
    desk = ("--desk", home.root / "desk.yaml")
    done = run_verb("nightly", *desk, env=os.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[ok]   fetch " in done.stdout and "ok: 10 of 10 steps" in done.stdout
    (made,) = finished_runs(home.root / "data/server_runs")
    assert manifest.read(made)["status"] == "ok" and manifest.verify(made) == []
    assert "What was fetched" in (made / "reports/ops.md").read_text(encoding="utf-8")
    assert "What was fetched" in (made / "index.html").read_text(encoding="utf-8")
    home.fake.fault("krx", "503")
    home.at(seoul_s(TUESDAY, 20, 0))
    done = run_verb("nightly", *desk, env=os.environ)
    assert done.returncode == 69
    late = finished_runs(home.root / "data/server_runs")[-1]
    assert manifest.read(late)["status"] == "partial"
    assert "8 expected bars are missing: this run is partial" in (late / "reports/ops.md").read_text(encoding="utf-8")


def test_a_night_is_partial_when_a_step_or_an_expected_bar_is_missing(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    assert manifest.status_of(tmp_path, ["ok", "ok"]) == "ok"
    assert manifest.status_of(tmp_path, ["ok", "skip"]) == manifest.status_of(tmp_path, []) == "partial"
    for text, status in (('{"partial": false}', "ok"), ('{"partial": true}', "partial"), ("{", "partial")):
        (tmp_path / "reports/fetch.json").write_text(text)
        assert manifest.status_of(tmp_path, ["ok"]) == status
