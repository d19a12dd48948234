"""The file of looks at boards: sessions that fail, kills, two jobs at once, and reports."""

from __future__ import annotations

import pytest
from filelock import FileLock

from pyjobs.market.desk import listings
from pyjobs.market.providers.base import NotAsked
from pyjobs.market.universe import reached
from pyjobs.market.universe.looking import board_looks
from pyjobs.market.universe.looking import looked as looked_file
from pyjobs.market.universe.looking.board_looks import lines
from pyjobs.market.universe.looking.looked import Found, take_for_page, take_found
from tests.market.universe.support.board_looks import (
    REVISED,
    Revising,
    close_on,
    home,  # noqa: F401  # a fixture
    lived_until,
    look,
    looked,
)
from tests.market.universe.test_history_by_board import PLAIN, SESSIONS
from utils.errors import CannotWriteError, NetworkForbidden


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
