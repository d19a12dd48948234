"""Boards that are stored are asked for again: what KRX has revised is corrected, counted and named, by no other day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyjobs.market.bars import DAY_MS, SeriesKey
from pyjobs.market.desk import listings
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe import board_looks, reached
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import BaseChange
from pyjobs.market.universe.board_looks import look_again
from pyjobs.market.universe.boards import store_board
from pyjobs.market.universe.by_board import Boards
from pyjobs.market.universe.gather import Fetching, begin
from tests.market.universe.test_history_by_board import EVENING_MS, IDLE, PLAIN, SESSIONS, Exchange16, actions, job
from utils import trading_day

MANY = [f"1{number:05d}" for number in range(30)]
REVISED = SESSIONS[9]


class Revising(Exchange16):
    """`now` is what the close of the plain share on REVISED is multiplied by; `traded`: the idle one had trades."""

    now, traded, shifted = 1.0, False, False

    def close(self, code: str, session: dt.date) -> int:
        if code in MANY:
            return 300 + SESSIONS.index(session) * (7 if self.shifted else 1)
        return round(super().close(code, session) * (self.now if (code, session) == (PLAIN, REVISED) else 1))

    def rows(self, session: dt.date) -> Iterator[list[str]]:
        for row in super().rows(session):
            if self.traded and row[0] == IDLE:
                row[3:6], row[7:9] = ["700"] * 3, ["8", "5600"]
            yield row
        at = SESSIONS.index(session)
        for code in MANY:
            close, base = (self.close(code, SESSIONS[max(0, each)]) for each in (at, at - 1))
            yield [code, code, "STK", *[str(close)] * 4, "5", "9", str(close - base),
                   f"{100 * (close - base) / base:.2f}", "100"]  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setattr(board_looks, "AGES", {"session": 1, "week": 5})


def lived_until(exchange: Revising, last: int) -> tuple[list[Fetching], Boards]:
    """Every session up to number `last` came on its own evening; that evening's series and boards."""
    store, boards = BarStore(Path(reached.paths.data_dir()) / "raw"), Boards(exchange="KRX", market="XKRX")
    keys = [SeriesKey(exchange="KRX", symbol=code, timeframe="1d") for code in (PLAIN, IDLE)]
    for session in SESSIONS[: last + 1]:
        if session in listings.sessions_kept("KRX"):
            continue
        ((_, day),) = exchange.ask_boards("KRX", [("KOSPI", session)])
        boards.keep_changes(session, [day])
        store_board(store, day, keys)
        boards.keep_listing(session, [day])
    _, series, _ = job(exchange, (PLAIN, IDLE))
    return series, Boards(exchange="KRX", market="XKRX", names=("KOSPI",))


def looked(exchange: Revising, last: int) -> tuple[list[Fetching], Boards]:
    series, boards = lived_until(exchange, last)
    exchange.asked.clear()
    look_again(BarStore(Path(reached.paths.data_dir()) / "raw"), series, boards, exchange, SESSIONS[last])  # type: ignore[arg-type]
    return series, boards


def close_on(code: str, session: dt.date) -> list[float]:
    close_ms = trading_day.load("XKRX").session(session)
    assert close_ms is not None
    at = close_ms.close_utc_s * 1000
    store = BarStore(Path(reached.paths.data_dir()) / "raw")
    key = SeriesKey(exchange="KRX", symbol=code, timeframe="1d")
    return store.read(key, start_ms=at, end_ms=at).close.tolist()


def test_each_session_is_looked_at_once_when_it_is_one_and_five_sessions_old() -> None:
    exchange = Revising()
    looked(exchange, 9)
    assert exchange.asked == []  # it begins here
    looked(exchange, 10)
    assert exchange.asked == [SESSIONS[5], SESSIONS[9]]
    looked(exchange, 10)
    assert exchange.asked == []
    looked(exchange, 12)
    assert exchange.asked == [SESSIONS[6], SESSIONS[7], SESSIONS[10], SESSIONS[11]]
    (reached.paths.data_dir() / "universe/KRX.boards.json").write_bytes(b"{")
    looked(exchange, 13)
    assert exchange.asked == []  # of a damaged file nothing is known: it begins anew


def test_a_revised_bar_is_corrected_counted_and_named_and_its_base_price_no_longer_taken_for_an_issue() -> None:
    exchange = Revising()
    exchange.now = 0.6  # a wrong close; the next session's change is measured against the right one
    looked(exchange, 9)
    exchange.now = 1.0
    series, boards = lived_until(exchange, 10)
    assert f"{PLAIN},{SESSIONS[10]},unexplained,{1090 / 654:.12g}" in actions()
    look_again(BarStore(Path(reached.paths.data_dir()) / "raw"), series, boards, exchange, SESSIONS[10])  # type: ignore[arg-type]
    assert close_on(PLAIN, REVISED) == [1090.0] and [one.revised for one in series] == [1, 0]
    assert series[0].told == ("1 stored bar revised by the provider: that of 2026-11-13 06:30 UTC",)
    assert not any(line.startswith(PLAIN) for line in actions()), actions()


def test_a_session_that_was_served_without_its_trades_has_its_bar_a_week_later() -> None:
    exchange = Revising()
    looked(exchange, 13)
    exchange.traded = True
    series, _ = looked(exchange, 14)
    assert close_on(IDLE, SESSIONS[9]) == [700.0] and series[1].new_bars == 1
    assert series[1].told[0] == "a bar that was not there has come: that of 2026-11-13 06:30 UTC"


def test_a_board_of_another_day_is_refused_and_a_failure_is_said_and_tried_again() -> None:
    exchange = Revising()
    looked(exchange, 9)
    lived_until(exchange, 10)
    exchange.shifted, exchange.now = True, 0.6
    series, boards = looked(exchange, 10)
    assert close_on(PLAIN, REVISED) == [1090.0] and series[0].told == ()
    assert "30 of 34 closes are not those that were stored: the prices of another day" in boards.notes[0]
    exchange.shifted, exchange.now = False, 1.0
    exchange.down.add(SESSIONS[9])
    _, boards = looked(exchange, 10)
    assert "boards of earlier sessions could not be looked at again" in boards.notes[0]
    exchange.down.clear()
    looked(exchange, 10)
    assert SESSIONS[9] in exchange.asked


def test_where_the_next_session_is_not_to_be_had_nothing_is_corrected_and_the_next_night_asks() -> None:
    exchange = Revising()
    exchange.now = 0.6
    looked(exchange, 9)
    exchange.now = 1.0
    lived_until(exchange, 10)
    exchange.shut.add(SESSIONS[10])  # KRX answers with an empty board for a while
    _, boards = looked(exchange, 10)
    assert "boards of earlier sessions could not be looked at again" in boards.notes[0]
    assert close_on(PLAIN, REVISED) == [654.0] and actions()[-1].startswith(f"{PLAIN},{SESSIONS[10]}")
    exchange.shut.clear()
    series, _ = looked(exchange, 10)
    assert close_on(PLAIN, REVISED) == [1090.0] and [one.revised for one in series] == [1, 0]


def test_a_split_stays_known_where_the_session_before_it_is_in_no_listing() -> None:
    exchange = Revising()
    exchange.now = 0.6
    looked(exchange, 9)
    exchange.now = 1.0
    series, boards = lived_until(exchange, 10)
    keep_changes("KRX", [BaseChange(symbol=PLAIN, session=REVISED, kind="base", ratio=0.5, source="the history")])
    for session in SESSIONS[:9]:
        (reached.paths.data_dir() / f"listings/KRX/{session}.csv").unlink()
    look_again(BarStore(Path(reached.paths.data_dir()) / "raw"), series, boards, exchange, SESSIONS[10])  # type: ignore[arg-type]
    assert close_on(PLAIN, REVISED) == [1090.0] and f"{PLAIN},{REVISED},base,0.5" in actions()


def test_a_share_of_another_desk_is_corrected_by_the_desk_whose_night_comes_first() -> None:
    exchange = Revising()
    exchange.now = 0.6
    looked(exchange, 9)
    exchange.now = 1.0
    series, boards = lived_until(exchange, 10)
    store = BarStore(Path(reached.paths.data_dir()) / "raw")
    look_again(store, series[1:], boards, exchange, SESSIONS[10])  # type: ignore[arg-type]
    assert close_on(PLAIN, REVISED) == [1090.0] and len(store.series()) == 2
    assert boards.notes == [f"KRX:{PLAIN}:1d: 1 stored bar revised by the provider: that of 2026-11-13 06:30 UTC"]


def test_a_share_that_is_asked_for_by_itself_is_looked_at_again_once_a_week_as_others_are() -> None:
    series, _ = lived_until(Revising(), 14)
    one, begins = series[0], []
    for day in range(7):
        begin(one, need_bars=0, now_ms=EVENING_MS + day * DAY_MS)
        begins.append((one.newest_ms or 0) - one.windows[0][0])
    assert sorted(each // DAY_MS for each in begins) == [5] * 6 + [35]


def test_a_session_that_cannot_be_looked_at_keeps_no_newer_one_from_it() -> None:
    exchange = Revising()
    exchange.now = 0.6
    looked(exchange, 9)
    exchange.now = 1.0
    lived_until(exchange, 10)
    exchange.down.add(SESSIONS[5])
    series, boards = looked(exchange, 10)
    assert close_on(PLAIN, REVISED) == [1090.0] and [one.revised for one in series] == [1, 0]
    assert "boards of earlier sessions could not be looked at again" in boards.notes[0]
    exchange.down.clear()
    looked(exchange, 10)
    assert SESSIONS[5] in exchange.asked
