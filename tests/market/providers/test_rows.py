"""From rows to bars: only what is closed, true and asked for; what is missing is reported, nothing is made up."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from pyjobs.market.providers import BarRequest, ConfirmedEmpty, Refused
from pyjobs.market.providers.bitfinex import plain_candles
from pyjobs.market.providers.rows import Row, to_fetched
from pyjobs.market.providers.wire.http_answer import Answer

MINUTE = 60_000
T0 = 1_790_000_040_000  # 2026-09-21 14:14:00 UTC


def minutes(*starts: int) -> list[Row]:
    return [(T0 + start * MINUTE, 10.0, 12.0, 9.0, 11.0, 5.0) for start in starts]


def fetched(rows: list[Row], *, first: int = 1, last: int = 10, now: int = 60, revised: int = 1) -> object:
    request = BarRequest(symbol="X", timeframe="1m", start_ms=T0 + first * MINUTE, end_ms=T0 + last * MINUTE)
    return to_fetched(
        rows, request, provider="p", adjusted="raw", now_ms=T0 + now * MINUTE, revised_for_ms=revised * MINUTE
    )


def closes(answer: object) -> list[int]:
    return [(int(ts) - T0) // MINUTE for ts in answer.bars.ts_ms]  # type: ignore[attr-defined]


def empty(answer: object) -> list[tuple[int, int]]:
    ranges = answer.confirmed_empty  # type: ignore[attr-defined]
    return [((first - T0) // MINUTE, (last - T0) // MINUTE) for first, last in ranges]


def test_a_bar_is_named_by_its_close_and_minutes_without_trades_are_told_as_empty() -> None:
    answer = fetched(minutes(0, 1, 4, 9))
    assert closes(answer) == [1, 2, 5, 10]
    assert empty(answer) == [(3, 4), (6, 9)]


def test_an_open_bar_is_left_out_and_its_minute_is_not_called_empty() -> None:
    answer = fetched(minutes(0, 1, 2), now=2, revised=1)
    assert closes(answer) == [1, 2] and empty(answer) == []
    assert answer.last_final is False  # type: ignore[attr-defined]
    assert fetched(minutes(0, 1, 2), now=9).last_final is True  # type: ignore[attr-defined]


def test_order_and_doubles_of_a_provider_do_not_matter_the_later_row_stands() -> None:
    later: Row = (T0, 10.0, 13.0, 9.0, 12.5, 6.0)
    answer = fetched([*minutes(2, 0), later])
    assert closes(answer) == [1, 3] and answer.bars.close.tolist() == [12.5, 11.0]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "bad",
    [
        (T0 + MINUTE, None, 12.0, 9.0, 11.0, 5.0),
        (T0 + MINUTE, math.nan, 12.0, 9.0, 11.0, 5.0),
        (T0 + MINUTE, 10.0, 9.0, 12.0, 11.0, 5.0),
        (T0 + MINUTE, 10.0, 12.0, 0.0, 11.0, 5.0),
        (T0 + MINUTE, 10.0, 12.0, 9.0, 20.0, 5.0),
        (T0 + MINUTE, 10.0, 12.0, 9.0, 11.0, -1.0),
        (T0 + MINUTE + 17_000, 10.0, 12.0, 9.0, 11.0, 5.0),
    ],
)
def test_a_row_that_cannot_be_true_is_left_out(bad: Row) -> None:
    assert closes(fetched([*minutes(0), bad, *minutes(2)])) == [1, 3]


@pytest.mark.parametrize("bad", ["10", None, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("column", [1, 2, 3, 4, 5])
def test_what_is_no_finite_number_in_any_column_costs_its_row_only(bad: object, column: int) -> None:
    row = [T0 + MINUTE, 10.0, 12.0, 9.0, 11.0, 5.0]
    row[column] = bad  # type: ignore[call-overload]
    assert closes(fetched([*minutes(0), row, *minutes(2)])) == [1, 3]  # type: ignore[list-item]


def test_a_row_that_is_too_short_is_left_out_and_whole_numbers_are_numbers() -> None:
    assert closes(fetched([(T0, 10, 12, 9, 11, 0), (T0 + MINUTE, 10.0, 12.0, 9.0, 11.0)])) == [1]


def test_rows_that_come_as_an_array_are_judged_as_others_are() -> None:
    later = (T0 + 2 * MINUTE, 10.0, 13.0, 9.0, 12.5, 6.0)
    low_above_high = (T0 + 3 * MINUTE, 10.0, 9.0, 12.0, 11.0, 5.0)
    between_minutes = (T0 + 4 * MINUTE + 17_000, 10.0, 12.0, 9.0, 11.0, 5.0)
    rows = np.array([*minutes(2, 0), later, low_above_high, between_minutes, *minutes(20)], np.float64)
    request = BarRequest(symbol="X", timeframe="1m", start_ms=T0 + MINUTE, end_ms=T0 + 10 * MINUTE)
    answer = to_fetched(rows, request, provider="p", adjusted="raw", now_ms=T0 + 60 * MINUTE, revised_for_ms=MINUTE)
    assert closes(answer) == [1, 3] and answer.bars.close.tolist() == [11.0, 12.5]
    assert empty(answer) == [(2, 2), (4, 10)]


def test_candles_that_are_as_they_should_be_are_read_at_once_in_our_order() -> None:
    answer = Answer("u", 200, {}, b"[[1790000040000, 10, 11.5, 12, 9, 5], [1790000100000, 11, 10, 13, 9, 0]]")
    read = plain_candles(answer)
    assert read is not None
    assert read.tolist() == [[T0, 10, 12, 9, 11.5, 5], [T0 + MINUTE, 11, 13, 9, 10, 0]]
    nothing = plain_candles(Answer("u", 200, {}, b"[]"))
    assert nothing is not None and nothing.shape == (0, 6)


@pytest.mark.parametrize(
    "answer",
    [
        *(Answer("u", 200, {}, body) for body in (b"", b"null", b"{}", b"[", b"[1]", b"[[]]", b"\xff", b"<html>")),
        *(Answer("u", 200, {}, b"[[1,2,3,4,5,%s]]" % value) for value in (b'"6"', b"true", b"null", b"NaN", b"1e999")),
        Answer("u", 200, {}, b"[[1,2,3,4,5]]"),
        Answer("u", 200, {}, b"[[1,2,3,4,5,6,7]]"),
        Answer("u", 200, {}, b'["error",11010,"ratelimit: error"]'),
        Answer("u", 200, {}, b"[[1,2,3,4,5,6]"),
        Answer("u", 429, {}, b"[[1,2,3,4,5,6]]"),
        Answer("u", failed="timeout"),
    ],
    ids=lambda answer: repr(answer.body.decode("latin1")) + str(answer.status),
)
def test_an_answer_that_is_anything_else_is_left_to_the_judge(answer: Answer) -> None:
    assert plain_candles(answer) is None


def test_rows_none_of_which_can_be_true_are_a_change_of_the_provider() -> None:
    with pytest.raises(Refused, match="none of 1 rows is usable") as refusal:
        fetched([(T0, 10.0, 9.0, 12.0, 11.0, 5.0)])
    assert refusal.value.kind == "schema"


def test_an_open_that_lies_outside_by_rounding_widens_the_bar_instead_of_losing_it() -> None:
    answer = fetched([(T0, 3000.01, 3000.0, 2990.0, 2995.0, 0.0)])
    assert answer.bars.high.tolist() == [3000.01]  # type: ignore[attr-defined]


def test_no_row_in_the_range_is_confirmed_empty_with_the_range() -> None:
    with pytest.raises(ConfirmedEmpty) as nothing:
        fetched([])
    assert [((a - T0) // MINUTE, (b - T0) // MINUTE) for a, b in nothing.value.confirmed_empty] == [(1, 10)]


def test_a_day_closes_when_its_session_does_and_a_day_without_a_session_is_no_bar() -> None:
    days = [
        "2026-11-18",
        "2026-11-19",
        "2026-11-21",
    ]  # the exam day of 2026-11-19 closes at 16:30, the 21st is Saturday
    request = BarRequest(symbol="X", timeframe="1d", start_ms=0, end_ms=1_900_000_000_000, market="XKRX")
    now_ms = int(dt.datetime(2026, 11, 23, tzinfo=dt.UTC).timestamp()) * 1000
    rows: list[Row] = [(day, 10.0, 12.0, 9.0, 11.0, 5.0) for day in days]
    answer = to_fetched(rows, request, provider="p", adjusted="raw", now_ms=now_ms, revised_for_ms=0)
    said = [dt.datetime.fromtimestamp(int(ts) / 1000, dt.UTC).isoformat() for ts in answer.bars.ts_ms]
    assert said == ["2026-11-18T06:30:00+00:00", "2026-11-19T07:30:00+00:00"]
    assert answer.confirmed_empty == ()
