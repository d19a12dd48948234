"""What the tests of board looks share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyjobs.market.bars import DAY_MS, SeriesKey
from pyjobs.market.desk import listings
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe import reached
from pyjobs.market.universe.boards import store_board
from pyjobs.market.universe.by_board import Boards
from pyjobs.market.universe.looking import looked as looked_file
from pyjobs.market.universe.looking.board_looks import Look, look_again
from tests.market.universe.test_history_by_board import EVENING_MS, IDLE, PLAIN, SESSIONS, Exchange16
from utils import trading_day

MANY = [f"1{number:05d}" for number in range(30)]
REVISED = SESSIONS[9]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setattr(looked_file, "AGES", {"session": 1, "week": 5})


class Revising(Exchange16):
    """`now` is what the close of the plain share on REVISED is multiplied by; `traded`: the idle one had trades.

    `higher`: so many won more was the high of the plain share, on the same close.
    """

    now, traded, shifted, higher = 1.0, False, False, 0

    def close(self, code: str, session: dt.date) -> int:
        if code in MANY:
            return 300 + SESSIONS.index(session) * (7 if self.shifted else 1)
        return round(super().close(code, session) * (self.now if (code, session) == (PLAIN, REVISED) else 1))

    def rows(self, session: dt.date) -> Iterator[list[str]]:
        for row in super().rows(session):
            if self.traded and row[0] == IDLE:
                row[3:6], row[7:9] = ["700"] * 3, ["8", "5600"]
            if (row[0], session) == (PLAIN, REVISED):
                row[4] = str(int(row[4]) + self.higher)
            yield row
        at = SESSIONS.index(session)
        for code in MANY:
            close, base = (self.close(code, SESSIONS[max(0, each)]) for each in (at, at - 1))
            yield [code, code, "STK", *[str(close)] * 4, "5", "9", str(close - base),
                   f"{100 * (close - base) / base:.2f}", "100"]  # fmt: skip


def store_of() -> BarStore:
    return BarStore(Path(reached.paths.data_dir()) / "raw")


def lived_until(exchange: Revising, last: int) -> None:
    """Every session up to number `last` came on its own evening."""
    store, boards = store_of(), Boards(exchange="KRX", market="XKRX")
    keys = [SeriesKey(exchange="KRX", symbol=code, timeframe="1d") for code in (PLAIN, IDLE)]
    for session in SESSIONS[: last + 1]:
        if session in listings.sessions_kept("KRX"):
            continue
        ((_, day),) = exchange.ask_boards("KRX", [("KOSPI", session)])
        boards.keep_changes(session, [day])
        store_board(store, day, keys)
        boards.keep_listing(session, [day])


def look(exchange: Revising, last: int, later: float = 0) -> Look:
    """In the evening of that session, or so many days `later`."""
    now_ms = EVENING_MS + int(later * DAY_MS)
    return look_again(store_of(), exchange, "KRX", "XKRX", SESSIONS[last], now_ms=now_ms)  # type: ignore[arg-type]


def looked(exchange: Revising, last: int, later: float = 0) -> Look:
    lived_until(exchange, last)
    exchange.asked.clear()
    return look(exchange, last, later)


def close_on(code: str, session: dt.date) -> list[float]:
    close_ms = trading_day.load("XKRX").session(session)
    assert close_ms is not None
    at = close_ms.close_utc_s * 1000
    key = SeriesKey(exchange="KRX", symbol=code, timeframe="1d")
    return store_of().read(key, start_ms=at, end_ms=at).close.tolist()
