"""Histories by the board: the newest stretch first, then back, a stretch at a time, killed or refused at any moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.instrument import Instrument
from pyjobs.market.exchanges import Exchange
from pyjobs.market.providers.krx_board import NoBoard, board_day
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe import history_by_board, reached
from pyjobs.market.universe.by_board import Boards
from pyjobs.market.universe.due import MarketClock, wanted
from pyjobs.market.universe.gather import Fetching, begin
from pyjobs.market.universe.history_by_board import ByBoard
from utils import trading_day
from utils.errors import BadDataError, ExternalDataUnavailable, LockBusyError

EVENING_MS = 1_795_449_600_000  # 2026-11-23T16:00Z, a Monday, long after KRX's close at 06:30
KRX = Exchange(provider="krx_stock", market="XKRX", page_bars=700, ready="18:35", currency="KRW")
SESSIONS = [one.date for one in trading_day.load("XKRX").sessions_between(dt.date(2026, 11, 2), dt.date(2026, 11, 23))]
PLAIN, SPLIT, NEW, IDLE = "000010", "000020", "000030", "000040"
CODES = (PLAIN, SPLIT, NEW, IDLE)
HALVED, LISTED, STOPPED = SESSIONS[7], SESSIONS[5], SESSIONS[2:13]


@dataclass
class Exchange16:
    """KRX over the sixteen sessions of SESSIONS, one board. The plain share closes at 1 000 and ten more each day."""

    asked: list[dt.date] = field(default_factory=list)
    shut: set[dt.date] = field(default_factory=set)
    down: set[dt.date] = field(default_factory=set)

    def close(self, code: str, session: dt.date) -> int:
        at = SESSIONS.index(session)
        return {PLAIN: 1000 + 10 * at, SPLIT: 2000 if session >= HALVED else 4000, NEW: 500, IDLE: 700}[code]

    def rows(self, session: dt.date) -> Iterator[list[str]]:
        open_ = [day for day in SESSIONS if day not in self.shut]
        at = open_.index(session)
        for code in CODES:
            if code == NEW and session < LISTED:
                continue
            close = self.close(code, session)
            base = self.close(code, open_[at - 1]) if at else close
            shares = 100
            if code == SPLIT and session >= HALVED:
                base, shares = 2000, 200
            change = close - base
            idle = code == IDLE and session in STOPPED
            prices = ["0"] * 3 if idle else [str(close)] * 3
            yield [code, code, "STK", *prices, str(close), "0" if idle else "5", "0" if idle else "9",
                   str(change), f"{100 * change / base:.2f}", str(shares)]  # fmt: skip

    def ask_boards(self, _: str, asked: Sequence[tuple[str, dt.date]]) -> Iterator[tuple[Any, Any]]:
        for board, session in asked:
            self.asked.append(session)
            if session in self.down:
                yield (board, session), ExternalDataUnavailable("outage", provider="krx_stock", symbol="KOSPI")
            elif session in self.shut:
                yield (board, session), NoBoard(board, session, "no prices")
            else:
                close = trading_day.load("XKRX").session(session)
                assert close is not None
                day = board_day(list(self.rows(session)), board, session, ts_ms=close.close_utc_s * 1000,
                                fetched_at_ms=EVENING_MS, final=True)  # fmt: skip
                yield (board, session), day


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches of four sessions, and four shares are many."""
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setattr(history_by_board, "STRETCH", 4)
    monkeypatch.setattr(history_by_board, "FEW", 3)
    monkeypatch.setattr(history_by_board, "WORTH", 100)


def job(
    exchange: Exchange16, symbols: Sequence[str] = CODES, timeframe: str = "1d"
) -> tuple[ByBoard, list[Fetching], BarStore]:
    """What a new job begins with."""
    store = BarStore(Path(reached.paths.data_dir()) / "raw")
    boards = Boards(exchange="KRX", market="XKRX", names=("KOSPI",))
    clock, series = MarketClock(now_ms=EVENING_MS), []
    for symbol in symbols:
        instrument = Instrument(
            symbol=symbol, exchange="KRX", market="XKRX", timeframe=timeframe, currency="KRW", start="2026-11-02"
        )
        want = wanted(store, instrument, KRX, clock)
        one = Fetching(want=want, newest_ms=want.newest_ms, final=want.final)
        if want.newest_ms is None:
            begin(one, need_bars=0, now_ms=EVENING_MS)
        series.append(one)
    return ByBoard(store=store, sources=exchange, boards=boards, now_ms=EVENING_MS), series, store  # type: ignore[arg-type]


def night(exchange: Exchange16, most: int | None = None) -> ByBoard:
    histories, series, _ = job(exchange)
    histories.begin([one for one in series if one.open], done=lambda _: None)
    histories.go_back(series, most=most, progress=lambda *_: None)
    return histories


def closes(symbol: str) -> list[float]:
    store = BarStore(Path(reached.paths.data_dir()) / "raw")
    return store.read(SeriesKey(exchange="KRX", symbol=symbol, timeframe="1d")).close.tolist()


def actions() -> list[str]:
    text = (reached.paths.data_dir() / "actions/KRX.csv").read_text(encoding="utf-8")
    return [",".join(line.split(",")[:4]) for line in text.splitlines()[1:]]


def test_the_first_night_brings_the_newest_sessions_of_all_and_the_next_ones_go_back() -> None:
    exchange = Exchange16()
    first = night(exchange, most=4)
    assert closes(PLAIN) == [1000 + 10 * at for at in range(8, 16)]
    assert closes(SPLIT) == [2000] * 8 and closes(IDLE) == [700] * 3
    assert exchange.asked == SESSIONS[:7:-1], "eight questions, the newest first"
    assert reached.load("KRX") == dict.fromkeys(CODES, SESSIONS[8])
    assert first.boards.notes == [
        "the history of 4 shares reaches back to 2026-11-12; 8 sessions (8 questions) are left: 1 more night, "
        "or at once on a terminal: python -m pyjobs.fetch"
    ]
    exchange.asked.clear()
    assert night(exchange).boards.notes == ["the history by the board is complete"]
    assert sorted(exchange.asked) == SESSIONS[:9], "and the one after them again, for what its base prices say"
    assert closes(PLAIN) == [1000 + 10 * at for at in range(16)]
    assert closes(SPLIT) == [4000] * 7 + [2000] * 9 and closes(NEW) == [500] * 11 and closes(IDLE) == [700] * 5
    assert actions() == [f"{NEW},{LISTED},first,", f"{SPLIT},{HALVED},base,0.5"]
    assert reached.load("KRX") == {}
    exchange.asked.clear()
    assert night(exchange).boards.notes == [] and exchange.asked == []


def test_sessions_without_a_trade_are_known_to_be_empty_and_an_early_one_waits_for_its_bars() -> None:
    night(Exchange16())
    _, _, store = job(Exchange16())
    calendar = trading_day.load("XKRX")
    expected = [calendar.session(day).close_utc_s * 1000 for day in STOPPED]  # type: ignore[union-attr]
    assert store.confirmed_empty(SeriesKey(exchange="KRX", symbol=IDLE, timeframe="1d")).tolist() == expected


def test_a_provider_that_fails_in_the_middle_costs_nothing_that_was_answered() -> None:
    exchange = Exchange16(down={SESSIONS[6]})
    stopped = night(exchange)
    assert closes(PLAIN) == [1000 + 10 * at for at in range(7, 16)]
    assert reached.load("KRX") == dict.fromkeys(CODES, SESSIONS[7])
    assert "7 sessions (7 questions) are left" in stopped.boards.notes[0] and "stopped: " in stopped.boards.notes[0]
    exchange.down.clear()
    night(exchange)
    assert closes(PLAIN) == [1000 + 10 * at for at in range(16)]
    assert f"{SPLIT},{HALVED},base,0.5" in actions()


def test_a_first_stretch_that_fails_leaves_every_share_with_its_error() -> None:
    exchange = Exchange16(down={SESSIONS[15]})
    histories, series, _ = job(exchange)
    histories.begin(series, done=lambda _: None)
    assert [one.error.kind for one in series] == ["outage"] * 4  # type: ignore[union-attr]
    assert not any(one.open for one in series) and reached.load("KRX") == {}
    exchange.down.clear()
    for one in series:
        begin(one, need_bars=0, now_ms=EVENING_MS)
    histories.begin(series, done=lambda _: None)
    histories.go_back(series, most=None, progress=lambda *_: None)
    assert closes(PLAIN) == [1000 + 10 * at for at in range(16)], "the second pass of the same job"
    assert [one.error for one in series] == [None] * 4


@pytest.mark.parametrize("shut", [{SESSIONS[7]}, {SESSIONS[8]}, {SESSIONS[11]}, {SESSIONS[12]}, {SESSIONS[0]}])
def test_a_day_on_which_the_exchange_was_shut_after_all_hides_nothing(shut: set[dt.date]) -> None:
    exchange = Exchange16(shut=shut)
    night(exchange, most=4)
    night(exchange)
    assert closes(PLAIN) == [1000 + 10 * at for at, day in enumerate(SESSIONS) if day not in shut]
    if SESSIONS[7] not in shut:
        assert f"{SPLIT},{HALVED},base,0.5" in actions()
    assert reached.load("KRX") == {}


def test_killed_between_any_two_writes_it_has_every_bar_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    write, count = BarStore.write, 0

    def dying(*args: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count % 3 == 0:
            raise Killed
        return write(*args, **named)

    monkeypatch.setattr(BarStore, "write", dying)
    monkeypatch.setattr(history_by_board, "WORTH", 10_000)
    monkeypatch.setattr(history_by_board, "FEW", 0)  # what is left new after a kill goes by the board here, too
    for _ in range(40):
        try:
            night(Exchange16())
        except Killed:
            continue
        if all(len(closes(code)) for code in CODES) and not reached.load("KRX"):
            break
    monkeypatch.setattr(BarStore, "write", write)
    night(Exchange16())
    assert closes(PLAIN) == [1000 + 10 * at for at in range(16)]
    assert closes(SPLIT) == [4000] * 7 + [2000] * 9


def test_one_share_that_cannot_be_stored_is_said_and_comes_another_night(monkeypatch: pytest.MonkeyPatch) -> None:
    night(Exchange16(), most=4)
    write = BarStore.write

    def held(store: BarStore, key: SeriesKey, *args: Any, **named: Any) -> Any:
        if key.symbol == SPLIT:
            raise LockBusyError(f"{key}: another job has it")
        return write(store, key, *args, **named)

    monkeypatch.setattr(BarStore, "write", held)
    told = night(Exchange16()).boards.notes
    assert told[0] == f"the history of 1 shares could not be stored: {SPLIT}: KRX:{SPLIT}:1d: another job has it"
    assert reached.load("KRX") == {SPLIT: SESSIONS[8]} and len(closes(PLAIN)) == 16
    monkeypatch.setattr(BarStore, "write", write)
    night(Exchange16())
    assert closes(SPLIT) == [4000] * 7 + [2000] * 9 and reached.load("KRX") == {}


def test_few_new_shares_are_not_taken_by_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_by_board, "WORTH", 3)
    for symbols, timeframe in ((CODES[:3], "1d"), (CODES, "1d"), (CODES, "1h")):
        # three are few; four in one question each are not worth sixteen; and boards have no hours
        exchange = Exchange16()
        histories, series, _ = job(exchange, symbols, timeframe)
        histories.begin(series, done=lambda _: None)
        assert exchange.asked == [] and all(one.open for one in series)


def test_a_damaged_file_is_named_and_one_job_takes_nothing_from_anothers() -> None:
    reached.save("KRX", {PLAIN: SESSIONS[3], SPLIT: SESSIONS[3]})
    reached.save("KRX", {SPLIT: None, NEW: SESSIONS[1]})
    assert reached.load("KRX") == {PLAIN: SESSIONS[3], NEW: SESSIONS[1]}
    path = reached.path_of("KRX")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(BadDataError, match=r"KRX\.history\.json: cannot be read"):
        reached.load("KRX")
