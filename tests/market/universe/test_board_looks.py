"""Boards that are stored are asked for again: what KRX has revised is corrected, counted and named, by no other day."""

from __future__ import annotations

from pyjobs.market.bars import DAY_MS, SeriesKey
from pyjobs.market.universe import reached
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import BaseChange
from pyjobs.market.universe.gather import begin
from pyjobs.market.universe.looking.looked import take_found
from tests.market.universe.support.board_looks import (
    REVISED,
    Revising,
    close_on,
    home,  # noqa: F401  # a fixture
    lived_until,
    look,
    looked,
    store_of,
)
from tests.market.universe.test_history_by_board import EVENING_MS, IDLE, PLAIN, SESSIONS, actions, job


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
