"""Anyone's Parquet file: read as it is, or refused with what is wrong where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyjobs.market import bars as schema
from pyjobs.market.bars import IntArray
from pyjobs.market.cache.bar_columns import ONLY_SYMBOL
from pyjobs.market.cache.bar_file import read_bar_file, timeframe_ms
from pyjobs.market.calendars.hours import hours_of
from utils.errors import BadDataError, MissingInputError

DAY, MIN = 86_400_000, 60_000
T0 = 1_600_000_000_000
Columns = dict[str, Any]


def columns(n: int = 60, step: int = DAY, symbol: str | None = "A", close: float = 10.0) -> Columns:
    price = np.full(n, close)
    made: Columns = {
        "ts_ms": T0 + step * np.arange(n, dtype=np.int64), "open": price, "high": price + 1, "low": price - 1,
        "close": price.copy(), "volume": np.ones(n),
    }  # fmt: skip
    return made if symbol is None else {"symbol": np.array([symbol] * n), **made}


def joined(*parts: Columns) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def written(folder: Path, table: Columns) -> Path:
    path = folder / "bars.parquet"
    pq.write_table(pa.table(table), path, row_group_size=50)
    return path


def read(folder: Path, table: Columns) -> dict[str, Any]:
    return dict(read_bar_file(written(folder, table), cache=False))


def test_series_come_back_by_symbol_in_order_of_name(tmp_path: Path) -> None:
    found = read(tmp_path, joined(columns(symbol="B", close=20), columns(70, symbol="A")))
    assert [(name, len(bars), bars.close[0]) for name, bars in found.items()] == [("A", 70, 10), ("B", 60, 20)]
    assert found["B"].ts_ms[-1] == T0 + 59 * DAY


def test_rows_ordered_by_time_are_told_apart(tmp_path: Path) -> None:
    both = joined(columns(symbol="B", close=20), columns(symbol="A"))
    order = np.argsort(both["ts_ms"], kind="stable")
    found = read(tmp_path, {name: column[order] for name, column in both.items()})
    assert {name: (len(bars), set(bars.close)) for name, bars in found.items()} == {"A": (60, {10}), "B": (60, {20})}


def test_a_dictionary_in_another_order_than_the_rows_changes_no_name(tmp_path: Path) -> None:
    """As pandas writes a categorical column: its dictionary is sorted, whatever comes first."""
    both = joined(columns(symbol="B", close=20), columns(70, symbol="A"))
    names = pa.DictionaryArray.from_arrays(pa.array([2] * 60 + [1] * 70, pa.int8()), pa.array(["unused", "A", "B"]))
    found = read(tmp_path, {**both, "symbol": names})
    assert {name: (len(bars), set(bars.close)) for name, bars in found.items()} == {"A": (70, {10}), "B": (60, {20})}


def test_without_a_symbol_column_there_is_one_series(tmp_path: Path) -> None:
    assert list(read(tmp_path, columns(symbol=None))) == [ONLY_SYMBOL]


def test_integers_and_single_precision_are_numbers_too(tmp_path: Path) -> None:
    table = columns()
    table |= {"close": np.full(60, 10, np.int32), "open": np.full(60, 10, np.float32)}
    (bars,) = read(tmp_path, table).values()
    assert (bars.close.dtype, bars.open.dtype) == (np.float64, np.float64)


def changed(name: str, at: int, value: float) -> Columns:
    table = columns()
    table[name] = table[name].copy()
    table[name][at] = value
    return table


def empty_cell() -> Columns:
    table = columns()
    return {**table, "close": pa.array([None, *table["close"][1:].tolist()])}


BAD: list[tuple[Callable[[], Columns], str]] = [
    (lambda: changed("close", 7, float("nan")), "'A': bar 7 .* has a missing or infinite value"),
    (empty_cell, "'A': bar 0 .* has a missing or infinite value"),
    (lambda: changed("low", 7, -3), "'A': bar 7 .* has a price of zero or less"),
    (lambda: changed("high", 7, 8), "'A': bar 7 .* has its high below its low"),
    (lambda: changed("close", 7, 12), "'A': bar 7 .* has its close outside low..high"),
    (lambda: changed("ts_ms", 7, T0 + 6 * DAY), "'A': bar 7 .* has the time of the bar before it: a duplicate"),
    (lambda: changed("ts_ms", 7, T0), "'A': bar 7 .* comes before the bar before it: not sorted"),
    (lambda: {**columns(), "ts_ms": columns()["ts_ms"] // 1000}, "are not milliseconds since 1970"),
    (lambda: {**columns(), "ts_ms": columns()["ts_ms"] * 1000}, "are not milliseconds since 1970"),
    (lambda: {**columns(), "ts_ms": columns()["ts_ms"].astype(float)}, "ts_ms is double, not whole milliseconds"),
    (lambda: {**columns(), "close": np.array(["x"] * 60)}, "column close is string, not numbers"),
    (lambda: {k: v for k, v in columns().items() if k not in ("low", "volume")}, "no column low, volume"),
    (lambda: columns(0), "no bars"),
    (lambda: {**columns(), "symbol": pa.array(["A"] * 59 + [None])}, "1 rows have no symbol"),
    (lambda: {**columns(), "symbol": pa.array(["A"] * 57 + [""] * 3)}, "3 rows have an empty symbol"),
    (lambda: {**columns(), "ts_ms": pa.array([*range(59), None], pa.int64())}, "column ts_ms has empty cells"),
    (
        lambda: {**columns(), "ts_ms": pa.array(columns()["ts_ms"], pa.timestamp("ms", tz="Asia/Seoul"))},
        "column ts_ms is timestamp.*, not whole milliseconds",
    ),
    (lambda: {**columns(), "close": pa.array([[1.0]] * 60)}, "column close is list<.*, not numbers"),
    (lambda: {**columns(), "close": pa.array([True] * 60)}, "column close is bool, not numbers"),
    (lambda: changed("volume", 7, -1), "'A': bar 7 .* has a negative volume"),
    (lambda: joined(columns(5, symbol="A"), columns(symbol="B", step=5 * MIN)), "'A': mixed timeframes: .* 86400 s"),
    (lambda: joined(columns(symbol="A"), columns(symbol="B", step=5 * MIN)), "'A': mixed timeframes: .* but 'B' has"),
    (
        lambda: {**columns(), "ts_ms": np.concatenate((columns(40)["ts_ms"], T0 + 40 * DAY + 5 * MIN * np.arange(20)))},
        "'A': mixed timeframes: bars every 86400 s, but bar 41 .* comes 300 s after",
    ),
    (
        lambda: {
            **columns(),
            "ts_ms": np.concatenate((T0 + 5 * MIN * np.arange(40), T0 + 200 * MIN + 60 * MIN * np.arange(20))),
        },
        "'A': mixed timeframes: bars every 300 s, but bar .* comes 3600 s after",
    ),
]


@pytest.mark.parametrize("piece", [1, 7, 1_000])
@pytest.mark.parametrize(("table", "problem"), BAD, ids=[problem for _, problem in BAD])
def test_bars_that_cannot_be_are_refused_by_file_symbol_and_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: Callable[[], Columns], problem: str, piece: int
) -> None:
    monkeypatch.setattr(schema, "PIECE_BARS", piece)
    with pytest.raises(BadDataError, match=problem) as caught:
        read(tmp_path, table())
    assert str(caught.value).startswith(str(tmp_path / "bars.parquet"))


@pytest.mark.parametrize("piece", [1, 4, 1_000])
def test_of_two_things_wrong_the_graver_is_told_with_how_often_and_where_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(schema, "PIECE_BARS", piece)
    table = columns()
    table["volume"] = np.where(np.arange(60) % 20 == 1, -1.0, 1.0)
    with pytest.raises(BadDataError, match=rf"bar 1 \(ts_ms {T0 + DAY}\) has a negative volume; 3 such"):
        read(tmp_path, table)
    table["low"] = np.where(np.arange(60) > 50, -1.0, table["low"])
    with pytest.raises(BadDataError, match=rf"bar 51 \(ts_ms {T0 + 51 * DAY}\) has a price of zero or less; 9 such"):
        read(tmp_path, table)


@pytest.mark.parametrize("piece", [1, 5, 11, 1_000])
@pytest.mark.parametrize(("hours", "refused"), [(9, False), (10, True)])
def test_ten_longer_steps_in_a_row_are_another_timeframe_and_nine_are_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, hours: int, refused: bool
) -> None:
    monkeypatch.setattr(schema, "PIECE_BARS", piece)
    steps = np.array([5] * 3 + [60] + [5] * 20 + [60] * hours + [5] * 3)
    ts_ms = T0 + MIN * np.concatenate(([0], np.cumsum(steps)))
    table = {**columns(len(ts_ms)), "ts_ms": ts_ms}
    if not refused:
        assert len(read(tmp_path, table)["A"]) == len(ts_ms)
        return
    with pytest.raises(BadDataError, match=rf"bars every 300 s, but bar 4 \(ts_ms {ts_ms[4]}\) comes 3600 s after"):
        read(tmp_path, table)


def test_gaps_weekends_half_days_and_changed_clocks_are_one_timeframe(tmp_path: Path) -> None:
    days = np.array([d for d in range(90) if d % 7 < 5], dtype=np.int64)
    ts_ms = T0 + DAY * days
    ts_ms[30:] += 60 * MIN
    ts_ms[20] -= 180 * MIN
    daily = {**columns(len(days)), "ts_ms": ts_ms}
    assert len(read(tmp_path, daily)["A"]) == len(days)
    holes = T0 + 5 * MIN * np.array([m for m in range(200) if m % 17 and not 50 < m < 70], dtype=np.int64)
    assert len(read(tmp_path, {**columns(len(holes)), "ts_ms": holes})["A"]) == len(holes)


def test_weeks_and_months_are_timeframes_whose_steps_differ(tmp_path: Path) -> None:
    fridays = T0 + DAY * np.array([7 * week - (week in (3, 9)) for week in range(30)], dtype=np.int64)  # two Thursdays
    fridays[20:] -= 60 * MIN
    months = np.cumsum([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 33, 26, 31, 30])
    for ts_ms, step in ((fridays, 7 * DAY), (T0 + DAY * months, 28 * DAY)):
        assert timeframe_ms(ts_ms) == step
        assert len(read(tmp_path, {**columns(len(ts_ms)), "ts_ms": ts_ms})["A"]) == len(ts_ms)
    mixed = np.concatenate((fridays, fridays[-1] + DAY * np.arange(1, 4)))
    with pytest.raises(BadDataError, match=r"mixed timeframes: bars every 604800 s, but bar 30 .* comes 86400 s after"):
        read(tmp_path, {**columns(len(mixed)), "ts_ms": mixed})


@pytest.mark.parametrize("new", ["0NEW", "NEW"])
def test_a_share_new_on_a_friday_has_bars_days_apart_and_is_no_other_timeframe(tmp_path: Path, new: str) -> None:
    listed = columns(2, symbol=new, step=3 * DAY)
    assert {name: len(bars) for name, bars in read(tmp_path, joined(columns(), listed)).items()} == {"A": 60, new: 2}


@pytest.mark.parametrize("piece", [1, 3, 1_000])
def test_the_timeframe_is_the_most_frequent_step(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(schema, "PIECE_BARS", piece)
    assert timeframe_ms(np.array([0, 10, 25, 40, 45, 60, 65, 95], dtype=np.int64) * MIN) == 15 * MIN
    assert timeframe_ms(np.array([0, 5, 10, 30, 35], dtype=np.int64) * MIN) == 5 * MIN
    assert timeframe_ms(np.array([0, 23 * 60, 47 * 60, 71 * 60], dtype=np.int64) * MIN) == DAY
    assert timeframe_ms(np.array([0], dtype=np.int64)) is None


def test_a_file_that_is_no_parquet_or_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    with pytest.raises(MissingInputError, match="no such file"):
        read_bar_file(path, cache=False)
    with pytest.raises(MissingInputError, match="a folder, not a file"):
        read_bar_file(tmp_path, cache=False)
    path.write_text("symbol,ts_ms\n")
    with pytest.raises(BadDataError, match="not a readable Parquet file"):
        read_bar_file(path, cache=False)


def test_the_cache_gives_what_the_file_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    path = written(tmp_path, joined(columns(symbol="A"), columns(70, symbol="B")))
    for _ in range(2):
        found = read_bar_file(path)
        assert {name: len(bars) for name, bars in found.items()} == {"A": 60, "B": 70}
    written(tmp_path, columns(symbol="C"))
    assert list(read_bar_file(path)) == ["C"]


HOURS = {market: hours_of(market) for market in ("XKRX", "XNYS", "XHKG", "24/7")}
STEPS = {"5m": 5 * MIN, "30m": 30 * MIN, "1h": 60 * MIN, "4h": 240 * MIN, "1d": DAY}


def closes_of(market: str, timeframe: str, first: int, count: int) -> IntArray:
    """Closes of a market by its calendar: bars from each session's open, the last cut at its close; or of days."""
    hours, step = HOURS[market], STEPS[timeframe]
    at = int(np.searchsorted(hours.days, first))
    opens, ends = hours.opens_ms[at : at + count], hours.closes_ms[at : at + count]
    if timeframe == "1d":
        return ends
    whole = [
        opened + step * np.arange(1, (close - opened) // step + 1) for opened, close in zip(opens, ends, strict=True)
    ]
    return np.concatenate(whole)


def as_dates(closes: IntArray) -> IntArray:
    return (closes - 1) // DAY * DAY


WRONG: dict[str, Callable[[IntArray], IntArray]] = {
    "last millisecond": lambda closes: closes - 1,
    "last second": lambda closes: closes - 1000,
    "seconds": lambda closes: closes // 1000,
    "microseconds": lambda closes: closes * 1000,
}


@pytest.mark.parametrize("timeframe", STEPS)
@pytest.mark.parametrize("market", HOURS)
def test_no_bar_is_taken_with_a_close_before_the_end_of_its_period(tmp_path: Path, market: str, timeframe: str) -> None:
    chance = np.random.default_rng(sum(map(ord, market + timeframe)))
    for first in chance.integers(736_000, 738_500, 2).tolist():  # 2016 to 2022, summer and winter
        closes = closes_of(market, timeframe, first, 12)
        table = {**columns(len(closes)), "ts_ms": closes}
        assert read(tmp_path, table)["A"].ts_ms.tolist() == closes.tolist()
        stamps = dict(WRONG) | ({"dates": as_dates} if timeframe == "1d" and market != "24/7" else {})
        for name, moved in stamps.items():
            with pytest.raises(BadDataError):
                pytest.fail(f"{name}: {read(tmp_path, table | {'ts_ms': moved(closes)})}")


def test_rows_of_several_symbols_under_another_name_are_no_one_series(tmp_path: Path) -> None:
    table = columns(symbol=None)
    with pytest.raises(BadDataError, match="no column symbol, and 'Ticker' holds 2 of them: call it symbol"):
        read(tmp_path, {**table, "Ticker": np.array(["A"] * 30 + ["B"] * 30)})
    assert list(read(tmp_path, {**table, "Ticker": np.array(["A"] * 60)})) == ["BARS"]
