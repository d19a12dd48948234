"""Boards that are stored are asked for again: what KRX has revised is corrected, counted and named, by no other day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from pyjobs.market.bars import DAY_MS, SeriesKey
from pyjobs.market.desk import listings
from pyjobs.market.providers.base import NotAsked
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe import reached
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import BaseChange
from pyjobs.market.universe.boards import store_board
from pyjobs.market.universe.by_board import Boards
from pyjobs.market.universe.gather import begin
from pyjobs.market.universe.looking import board_looks
from pyjobs.market.universe.looking import looked as looked_file
from pyjobs.market.universe.looking.board_looks import Look, lines, look_again
from pyjobs.market.universe.looking.looked import Found, take_for_page, take_found
from tests.market.universe.test_history_by_board import EVENING_MS, IDLE, PLAIN, SESSIONS, Exchange16, actions, job
from utils import trading_day
from utils.errors import CannotWriteError, NetworkForbidden

MANY = [f"1{number:05d}" for number in range(30)]
REVISED = SESSIONS[9]


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


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setattr(looked_file, "AGES", {"session": 1, "week": 5})


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
    lived_until(exchange, 10)
    assert f"{PLAIN},{SESSIONS[10]},unexplained,{1090 / 654:.12g}" in actions()
    told = look(exchange, 10)
    assert close_on(PLAIN, REVISED) == [1090.0] and told.revised == 1
    assert told.lines == [f"KRX:{PLAIN}:1d: 1 stored bar revised by the provider: that of 2026-11-13 06:30 UTC"]
    assert not any(line.startswith(PLAIN) for line in actions()), actions()
    assert look(exchange, 10).lines == []
    assert [take_found("KRX").lines, take_found("KRX").lines] == [tuple(told.lines), ()]  # it is reported once


def test_a_bar_is_corrected_whose_high_alone_has_been_revised() -> None:
    exchange = Revising()
    looked(exchange, 9)
    exchange.higher = 5
    told = looked(exchange, 10)
    key = SeriesKey(exchange="KRX", symbol=PLAIN, timeframe="1d")
    assert store_of().read(key).high.tolist()[9] == 1095.0 and close_on(PLAIN, REVISED) == [1090.0]
    assert told.revised == 1 and told.notes == [] and exchange.asked == [SESSIONS[5], SESSIONS[9]]


def test_a_session_that_was_served_without_its_trades_has_its_bar_a_week_later() -> None:
    exchange = Revising()
    looked(exchange, 13)
    exchange.traded = True
    told = looked(exchange, 14)
    assert close_on(IDLE, SESSIONS[9]) == [700.0] and told.revised == 1  # of yesterday, too
    assert told.lines[0] == f"KRX:{IDLE}:1d: a bar that was not there has come: that of 2026-11-13 06:30 UTC"


def test_a_board_of_another_day_is_refused_and_a_failure_is_said_and_tried_again() -> None:
    exchange = Revising()
    looked(exchange, 9)
    lived_until(exchange, 10)
    exchange.shifted, exchange.now = True, 0.6
    told = looked(exchange, 10)
    assert close_on(PLAIN, REVISED) == [1090.0] and told.lines == []
    assert "30 of 34 closes are not those that were stored: the prices of another day" in told.notes[0]
    exchange.shifted, exchange.now = False, 1.0
    exchange.down.add(SESSIONS[9])
    told = looked(exchange, 10, later=1)
    assert "boards of earlier sessions could not be looked at again" in told.notes[0]
    assert f"KRX: {told.notes[0]}" in take_found("KRX").lines  # the next fetch reports that, too
    exchange.down.clear()
    looked(exchange, 10, later=7)
    assert SESSIONS[9] in exchange.asked


def test_where_the_next_session_is_not_to_be_had_nothing_is_corrected_and_the_next_night_asks() -> None:
    exchange = Revising()
    exchange.now = 0.6
    looked(exchange, 9)
    exchange.now = 1.0
    lived_until(exchange, 10)
    exchange.shut.add(SESSIONS[10])  # KRX answers with an empty board for a while
    told = looked(exchange, 10)
    assert "boards of earlier sessions could not be looked at again" in told.notes[0]
    assert close_on(PLAIN, REVISED) == [654.0] and actions()[-1].startswith(f"{PLAIN},{SESSIONS[10]}")
    exchange.shut.clear()
    assert looked(exchange, 10, later=1).revised == 1 and close_on(PLAIN, REVISED) == [1090.0]


def test_a_split_stays_known_where_the_session_before_it_is_in_no_listing() -> None:
    exchange = Revising()
    exchange.now = 0.6
    looked(exchange, 9)
    exchange.now = 1.0
    lived_until(exchange, 10)
    keep_changes("KRX", [BaseChange(symbol=PLAIN, session=REVISED, kind="base", ratio=0.5, source="the history")])
    for session in SESSIONS[:9]:
        (reached.paths.data_dir() / f"listings/KRX/{session}.csv").unlink()
    look(exchange, 10)
    assert close_on(PLAIN, REVISED) == [1090.0] and f"{PLAIN},{REVISED},base,0.5" in actions()


def test_a_share_that_is_asked_for_by_itself_is_looked_at_again_once_a_week_as_others_are() -> None:
    lived_until(exchange := Revising(), 14)
    _, series, _ = job(exchange, (PLAIN, IDLE))
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
    told = looked(exchange, 10)
    assert close_on(PLAIN, REVISED) == [1090.0] and told.revised == 1
    assert "boards of earlier sessions could not be looked at again" in told.notes[0]
    exchange.down.clear()
    looked(exchange, 10, later=1)
    assert SESSIONS[5] in exchange.asked and told.sessions == 1


def test_a_session_that_can_never_be_looked_at_is_asked_for_ever_less_often_and_then_stands() -> None:
    exchange = Revising()
    looked(exchange, 9)
    exchange.down.add(SESSIONS[9])
    nights = [night for night in range(90) if SESSIONS[9] in (looked(exchange, 10, night), exchange.asked)[1]]
    assert nights == [0, 1, 7, 29]
    assert take_found("KRX").lines[-1] == (
        f"KRX: not asked for any more, after a month in vain: {SESSIONS[9]}; its stored bars are kept"
    )
    exchange.down.clear()
    looked(exchange, 11, later=91)
    assert SESSIONS[10] in exchange.asked and SESSIONS[9] not in exchange.asked


def test_a_session_about_which_nobody_was_asked_is_looked_at_by_the_next_job() -> None:
    exchange, asks = Revising(), Revising.ask_boards
    looked(exchange, 9)
    lived_until(exchange, 10)
    why = NotAsked("outage", provider="krx_stock", symbol="X", detail="left alone")
    exchange.ask_boards = lambda _, asked: ((one, why) for one in asked)  # type: ignore[method-assign]
    assert look(exchange, 10).boards.questions == 0 and looked_file.late("KRX", "XKRX", SESSIONS[10]) == []
    exchange.ask_boards = lambda *asked: asks(exchange, *asked)  # type: ignore[method-assign]
    assert look(exchange, 10, later=0.001).sessions == 2


def test_a_job_that_is_killed_before_a_revised_bar_is_stored_has_it_said_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = Revising()
    looked(exchange, 9)
    exchange.higher = 5
    lived_until(exchange, 10)
    with monkeypatch.context() as patch:
        patch.setattr(board_looks, "put_bar", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            look(exchange, 10)
    told = "KRX:100001:1d: 1 stored bar revised by the provider: that of 2026-11-13 06:30 UTC".replace("100001", PLAIN)
    assert take_found("KRX").lines == (told,)
    assert looked(exchange, 10).lines == [told]  # twice rather than never
    assert take_for_page("KRX", "kr") == Found(revised=1, lines=(told,)) and take_for_page("KRX", "kr") == Found()


def test_what_another_job_has_found_since_a_report_was_read_is_left_for_the_next_one() -> None:
    def more(entry: str) -> Found:
        looked_file.change("KRX", lambda known: looked_file.with_news(known, revised=[entry]))
        return looked_file.load("KRX").found

    for desk in ("kr", "kr2"):  # both have had a page
        take_for_page("KRX", desk)
    reported = more("one")
    more("another")
    take_found("KRX", reported)
    assert take_found("KRX") == Found(revised=1, lines=("another",))
    for desk in ("kr", "kr2"):
        take_for_page("KRX", desk, reported)
    more("a third")
    for desk in ("kr", "kr2"):
        assert take_for_page("KRX", desk) == Found(revised=2, lines=("another", "a third"))
        assert take_for_page("KRX", desk) == Found()


def test_of_two_jobs_that_look_at_once_one_does() -> None:
    exchange = Revising()
    looked(exchange, 9)
    exchange.now = 1.1
    lived_until(exchange, 10)
    with looked_file.looking("KRX") as mine:
        assert mine
        told = look(exchange, 10)
        assert (told.sessions, told.revised, told.notes) == (0, 0, ["another job looks at earlier sessions now"])
    assert look(exchange, 10).revised == 1 and take_found("KRX").revised == 1


def test_sessions_that_no_job_has_looked_at_are_late() -> None:
    exchange = Revising()
    lived_until(exchange, 4)
    assert looked_file.late("KRX", "XKRX", SESSIONS[4]) == SESSIONS[:4]
    look(exchange, 4)
    assert looked_file.late("KRX", "XKRX", SESSIONS[4]) == []
    lived_until(exchange, 7)
    assert looked_file.late("KRX", "XKRX", SESSIONS[7]) == SESSIONS[4:7]


def test_a_listing_that_cannot_be_read_is_named_and_keeps_no_other_session_from_being_looked_at() -> None:
    exchange = Revising()
    exchange.now = 0.6
    looked(exchange, 9)
    exchange.now = 1.0
    lived_until(exchange, 10)
    listing = reached.paths.data_dir() / f"listings/KRX/{SESSIONS[5]}.csv"
    listing.write_text("half of a ro", encoding="utf-8")
    told = look(exchange, 10)
    assert close_on(PLAIN, REVISED) == [1090.0] and told.revised == 1
    assert f"{listing}:1: the columns are not" in told.notes[0]


def test_listings_without_a_share_are_of_no_board_and_nobody_is_asked() -> None:
    exchange = Revising()
    looked(exchange, 9)
    lived_until(exchange, 10)
    for path in (reached.paths.data_dir() / "listings/KRX").glob("*.csv"):
        path.write_text(",".join(listings.COLUMNS) + "\n", encoding="utf-8")
    exchange.asked.clear()
    assert look(exchange, 10).notes == [] and exchange.asked == []


def test_what_looks_have_found_is_reported_once_though_another_job_holds_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = Revising()
    looked(exchange, 9)
    exchange.higher = 5
    assert looked(exchange, 10).revised == 1
    monkeypatch.setattr(looked_file, "LOCK_TIMEOUT_S", 0)
    with FileLock(reached.paths.locks_dir() / "universe-KRX.boards.lock"):
        assert take_found("KRX").revised == 0
    assert [take_found("KRX").revised, take_found("KRX").revised] == [1, 0]


def test_a_folder_in_the_place_of_the_file_ends_no_fetch() -> None:
    (reached.paths.data_dir() / "universe/KRX.boards.json").mkdir(parents=True)
    assert take_found("KRX") == Found()
    with pytest.raises(CannotWriteError, match="Is a directory"):
        looked(Revising(), 9)


def test_without_the_network_no_session_counts_as_looked_at_and_no_question_as_put() -> None:
    exchange = Revising()
    looked(exchange, 9)
    lived_until(exchange, 10)
    exchange.ask_boards = lambda _, asked: ((one, NetworkForbidden(provider="krx_stock", symbol="X")) for one in asked)  # type: ignore[method-assign]
    told = look(exchange, 10)
    assert lines("KRX", told) == ["KRX: 0 sessions looked at again by 0 questions, 0 bars revised"]
