"""KRX's shares through unmodified pykrx: a board of a session, one share's history, and what must not be believed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pyjobs.market.providers.asking.ask_many import ask_many
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.retry_budget import retry_budget
from pyjobs.market.providers.base import BarRequest, ConfirmedEmpty, Refused
from pyjobs.market.providers.krx_board import BoardDay, NoBoard
from pyjobs.market.providers.krx_stock import FetchedShare, KrxStock, ask_boards
from tests.fakemarket.clients import need
from tests.fakemarket.krx import board_rows
from tests.fakemarket.server import FakeMarket
from tests.market.providers.asking.support.made_up import ms
from utils.errors import ExternalDataUnavailable, NetworkForbidden, UsageError

FRIDAY, THURSDAY = dt.date(2026, 11, 20), dt.date(2026, 11, 19)
EVENING = ms("2026-11-20T12:00")
DATA = "getJsonData"
PATIENT_S = 600.0


def the_board(board: str, session: dt.date, now_ms: int) -> BoardDay:
    ((_, answer),) = KrxStock().fetch_boards([(board, session)], now_ms, limit_s=PATIENT_S)
    if isinstance(answer, ExternalDataUnavailable):
        raise answer
    return answer


@pytest.fixture(autouse=True)
def krx(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMarket:
    need("pykrx")
    fakemarket.clock.set(EVENING)
    fakemarket.krx.user, fakemarket.krx.password = "fake-user", "fake-password"
    credentials = {"KRX_ID": "fake-user", "KRX_PW": "fake-password", "NIGHTDESK_HOME": str(tmp_path)}
    for name, value in {**fakemarket.env(), **credentials}.items():
        monkeypatch.setenv(name, value)
    return fakemarket


def one(code: str, first: str, last: str) -> BarRequest:
    return BarRequest(symbol=code, timeframe="1d", start_ms=ms(first), end_ms=ms(last), market="XKRX")


def data_requests(fake: FakeMarket) -> int:
    return len(fake.requests("krx", DATA))


def test_both_boards_of_a_session_are_two_requests_and_every_row_is_the_wires(fakemarket: FakeMarket) -> None:
    asked = [("KOSPI", FRIDAY), ("KOSDAQ", FRIDAY)]
    (one_asked, kospi), (other, kosdaq) = KrxStock().fetch_boards(asked, EVENING, limit_s=PATIENT_S)
    assert [one_asked, other] == asked
    assert data_requests(fakemarket) == 2
    assert isinstance(kospi, BoardDay) and isinstance(kosdaq, BoardDay)
    assert len(kospi.rows) + len(kosdaq.rows) > 2_690
    served = board_rows(fakemarket.krx.shares, "STK", FRIDAY, EVENING, fakemarket.market)
    told = {row["ISU_SRT_CD"]: row for row in served}
    assert set(kospi.rows) == set(told)
    for symbol in ("005930", *list(told)[100:120]):
        row, wire = kospi.rows[symbol], {name: text.replace(",", "") for name, text in told[symbol].items()}
        assert [row.open, row.high, row.low, row.close, row.volume] == [
            float(wire[f"TDD_{name}PRC"]) for name in ("OPN", "HG", "LW", "CLS")
        ] + [float(wire["ACC_TRDVOL"])]
        assert (row.base, row.shares, row.name) == (
            float(wire["TDD_CLSPRC"]) - float(wire["CMPPREVDD_PRC"]), int(wire["LIST_SHRS"]), wire["ISU_ABBRV"],
        )  # fmt: skip
    assert kospi.ts_ms == ms("2026-11-20T06:30") and kospi.final
    assert sorted(kospi.halted) == sorted(code for code, row in told.items() if row["TDD_OPNPRC"] == "0")


def test_a_day_that_is_not_there_yet_is_an_answer_and_closes_no_gate(fakemarket: FakeMarket) -> None:
    fakemarket.krx.shares.publish = dt.time(18, 30)
    fakemarket.clock.set(ms("2026-11-20T09:00"))
    states = ProviderStates()
    ((_, answer),) = ask_boards(KrxStock(), [("KOSPI", FRIDAY)], states=states, budget=retry_budget(budget_s=PATIENT_S))
    assert isinstance(answer, NoBoard) and answer.kind == "no_data"
    assert not states.read("krx").failures


@pytest.mark.parametrize(("session", "now"), [(dt.date(2026, 10, 9), EVENING), (FRIDAY, ms("2026-11-20T06:29"))])
def test_a_holiday_and_a_session_that_is_open_are_not_asked_for(
    fakemarket: FakeMarket, session: dt.date, now: int
) -> None:
    with pytest.raises(NoBoard):
        the_board("KOSPI", session, now)
    assert not fakemarket.requests("krx")


def test_a_clock_ahead_of_krx_does_not_make_a_moving_day_a_board(fakemarket: FakeMarket) -> None:
    fakemarket.krx.shares.publish = dt.time(9, 5)
    fakemarket.clock.set(ms("2026-11-20T02:00"))
    with pytest.raises(NoBoard, match="has not closed"):
        the_board("KOSDAQ", FRIDAY, EVENING)
    assert data_requests(fakemarket) == 1


def test_a_closure_that_our_calendar_does_not_know_is_no_board(fakemarket: FakeMarket) -> None:
    """KRX then lists every share without a price."""
    fakemarket.krx.shares.closed.add(THURSDAY)
    with pytest.raises(NoBoard, match="no prices"):
        the_board("KOSPI", THURSDAY, EVENING)


def test_who_is_logged_out_in_the_middle_logs_in_once_more(fakemarket: FakeMarket) -> None:
    fakemarket.fault("krx", "401", match=DATA, after=1, times=1)
    days = KrxStock().fetch_boards([("KOSPI", THURSDAY), ("KOSPI", FRIDAY)], EVENING, limit_s=PATIENT_S)
    assert [isinstance(day, BoardDay) for _, day in days] == [True, True]
    assert len(fakemarket.requests("krx", "MDCCOMS001D1")) == 2
    fakemarket.fault("krx", "401", match=DATA)
    with pytest.raises(Refused) as refused:
        the_board("KOSPI", FRIDAY, EVENING)
    assert refused.value.kind == "auth"


def test_a_share_has_its_raw_history_and_is_known_by_name_once_a_day(fakemarket: FakeMarket) -> None:
    share = fakemarket.krx.shares.all["200040"]
    split = share.events[0].session
    krx = KrxStock()
    got = krx.fetch(one("200040", "2023-07-01", "2023-08-01"), EVENING, limit_s=PATIENT_S)
    assert isinstance(got, FetchedShare) and got.adjusted == "raw"
    truth = [row for row in fakemarket.krx.shares.history(share, dt.date(2023, 7, 1), dt.date(2023, 7, 31)) if row.open]
    assert got.bars.close.tolist() == [float(row.close) for row in truth]
    assert got.bars.open.tolist() == [float(row.open) for row in truth]
    day = next(day for day in got.days if day.session == split)
    before = got.days[got.days.index(day) - 1]
    assert day.row.shares == 5 * before.row.shares and not before.row.traded
    assert got.days[0].session < dt.date(2023, 7, 1)
    assert data_requests(fakemarket) == 3
    krx.fetch(one("300010", "2026-07-01", "2026-07-31"), EVENING, limit_s=PATIENT_S)
    assert data_requests(fakemarket) == 4
    with pytest.raises(Refused, match="999999") as unknown:
        krx.fetch(one("999999", "2026-07-01", "2026-07-31"), EVENING, limit_s=PATIENT_S)
    assert unknown.value.kind == "no_data" and data_requests(fakemarket) == 4


def test_a_share_that_is_gone_keeps_its_history_and_a_halted_week_is_confirmed_empty(fakemarket: FakeMarket) -> None:
    gone = next(share for share in fakemarket.krx.shares.all.values() if share.gone and share.gone.year > 2020)
    assert gone.gone is not None
    last = gone.gone - dt.timedelta(days=60)
    got = KrxStock().fetch(one(gone.code, f"{last}", "2026-11-20"), EVENING, limit_s=PATIENT_S)
    assert got.bars.ts_ms[-1] < ms(f"{gone.gone}")
    fakemarket.krx.shares.all["300000"].halts.append((dt.date(2026, 9, 1), dt.date(2026, 10, 1)))
    with pytest.raises(ConfirmedEmpty) as nothing:
        KrxStock().fetch(one("300000", "2026-09-08", "2026-09-10"), EVENING, limit_s=PATIENT_S)
    closes = [ms(f"2026-09-0{day}T06:30") for day in (8, 9)]
    assert nothing.value.confirmed_empty == tuple((close, close) for close in closes)
    found = KrxStock().fetch(one("300000", "2026-08-20", "2026-09-03"), EVENING, limit_s=PATIENT_S)
    halted = [ms(f"2026-09-0{day}T06:30") for day in (1, 2)]
    assert [first for first, _ in found.confirmed_empty][-2:] == halted and found.bars.ts_ms[-1] < halted[0]


def test_many_shares_are_asked_in_one_login_and_an_unknown_one_hides_no_other(fakemarket: FakeMarket) -> None:
    wanted = [one(code, "2026-10-01", "2026-11-20") for code in ("200000", "999999", "300000", "005930")]
    told = dict(ask_many(KrxStock(), wanted, states=ProviderStates(), budget=retry_budget(budget_s=PATIENT_S)))
    assert [type(told[request]).__name__ for request in wanted] == [
        "FetchedShare", "Refused", "FetchedShare", "FetchedShare",
    ]  # fmt: skip
    assert len(fakemarket.requests("krx", "MDCCOMS001D1")) == 1 and data_requests(fakemarket) == 5


def test_what_a_failure_in_the_middle_leaves_unasked_comes_with_the_next_try(fakemarket: FakeMarket) -> None:
    fakemarket.fault("krx", "503", match=DATA, after=1, times=1)
    asked = [("KOSPI", dt.date(2026, 11, day)) for day in (17, 18, 19)]
    told = list(ask_boards(KrxStock(), asked, states=ProviderStates(), budget=retry_budget(budget_s=PATIENT_S)))
    assert [type(day).__name__ for _, day in told] == ["BoardDay"] * 3 and {one for one, _ in told} == set(asked)


def test_what_a_user_may_not_ask(fakemarket: FakeMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="NASDAQ"):
        list(KrxStock().fetch_boards([("NASDAQ", FRIDAY)], EVENING))
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    ((_, answer),) = ask_boards(KrxStock(), [("KOSPI", FRIDAY)], states=ProviderStates(), budget=retry_budget())
    assert isinstance(answer, NetworkForbidden)
    assert not fakemarket.requests("krx")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("503", "outage"), ("html", "outage"), ("empty", "outage"), ("null", "schema"), ("renamed", "schema"),
     ("login", "auth"), ("cut_json", "network"), ("429", "rate_limit")],
)  # fmt: skip
def test_a_fault_on_a_board_ends_in_its_kind(fakemarket: FakeMarket, fault: str, kind: str) -> None:
    fakemarket.fault("krx", fault, match=DATA)
    with pytest.raises(ExternalDataUnavailable) as failed:
        the_board("KOSPI", FRIDAY, EVENING)
    assert failed.value.kind == kind and not isinstance(failed.value, NoBoard)
