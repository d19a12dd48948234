"""Price files that cannot be true or could be misread are refused by file, line and value."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyjobs.market.bars import first_problem
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import read_dump
from tests.market.dumps.support.dumps import NOW, PLAIN, SPELLINGS, Reader, hours, read  # noqa: F401  # the fixture
from utils.errors import BadDataError, ConfigError, MissingInputError

REFUSED = [
    ("", "the file is empty"),
    ("Date,Open,High,Low,Close,Volume\n", "holds no rows"),
    ("[]", "holds no rows"),
    ("hello world\n", "neither tabs, semicolons nor commas make columns of 'hello world'"),
    ("2018-01-24,10,9,13,12,1000\n", "line 1: high is below low; are columns swapped (see `layout:`)? 2018-01-24"),
    (PLAIN + "2018-01-26,12,14,1", "line 3: 4 fields instead of 6: '2018-01-26,12,14,1'; is the file cut off?"),
    (PLAIN + '2018-01-26,12,14,11,13,"1,0', "line 3: unexpected end of data in quotes; is the file cut off?"),
    (PLAIN + "2026-11-21,12,14,11,13,5\n", "line 3: 2026-11-21 is in the future (it is 2026-11-20 at XKRX)"),
    (PLAIN + "2018-01-26,0,14,0,13,5\n", "line 3: a price is zero or less"),
    (PLAIN + "2018-01-26,-1,14,-1,13,5\n", "line 3: a price is zero or less"),
    (PLAIN + "2018-01-26,12,14,11,15,5\n", "line 3: open or close is outside low..high 2018-01-26 open 12 high 14"),
    (PLAIN + "2018-01-26,12,14,11,13,-5\n", "line 3: the volume is negative"),
    (PLAIN + "2018-01-26,12,,11,13,5\n", "line 3: some prices are missing, some are there"),
    (PLAIN + "2018-01-26,12,x,11,13,5\n", "line 3: high: 'x' is not a number"),
    (PLAIN + "2018-01-26,12,1e999,11,13,5\n", "line 3: high: a number is too large"),
    (PLAIN + "2018-02-30,12,14,11,13,5\n", "line 3: '2018-02-30' is no date"),
    (PLAIN + "03/04/2018,12,14,11,13,5\n", "line 3: '03/04/2018' may be day/month or month/day: set `dates: dmy`"),
    (PLAIN + "in May,12,14,11,13,5\n", "line 3: 'in May' is not a time (known: YYYY-MM-DD"),
    ("2018-01-24;1,500;1,600;1,400;1,500;10\n", "line 1: open: '1,500' is not a number"),
    ("a,b,k,d,e,f\n1,2,3,4,5,6\n", "line 1: no column for time, open, high, low, close in 'a, b, k, d, e, f'"),
    ("Date,Open,High,Low,Low,Volume\n", "line 1: two columns are named low"),
    ("2018-01-24,10,13,9,12,12,1000\n", "7 columns and no header line: cannot tell which is which"),
    (b"PK\x03\x04\x00\x00", "not a readable zip archive: File is not a zip file; is it cut off?"),
    (b"2018-01-24,\xff\xff\xff", "not a text file (byte 11 is not UTF-8, nor a text of a price file in CP949"),
    ('{"a": 1}', "expected a list of rows"),
    ("[[1516752000000, 10, 12", "not valid JSON"),
    ("[[1516752000000, 10, 12]]", "row 1: expected an array of time and five numbers"),
    ('[[1516752000000, 10, 13, 9, 12, "x"]]', "row 1: volume: 'x' is not a number"),
    ("[[1516752000000, 10, 9, 13, 14, 5]]", "no known column order fits every row (low <= open, close <= high)"),
    ('[{"date": "2018-01-24", "open": 1}]', "row 1: no high, low, close in 'date, open'"),
    ('[{"c": 1}, {"c": 1,\t"d": 5, "\\u0063" : 2}]', "object 2: two values of 'c': take out the wrong one"),
    ('{"c": 1}\n{"c": 1, "c": 2}\n', "object 2: two values of 'c': take out the wrong one"),
    ("2018-01-27,1,1,1,1,5\n", "no bar is left of 1 rows: 1 not a session of XKRX"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_true_is_refused_with_file_line_and_value(
    read: Reader, content: str | bytes, message: str
) -> None:
    with pytest.raises(BadDataError) as caught:
        read(content)
    assert caught.value.exit_code == 65
    assert str(caught.value).startswith(f"{read.path}: ")
    assert message in str(caught.value)


INTRADAY_REFUSED = [
    ("2018-01-24,10,13,9,12,5\n", "line 1: 2018-01-24 has no time of day, but 1h bars need one"),
    ("2018-01-24 01:00:00,10,13,9,12,5\n", "line 1: 2018-01-24 01:00:00 has no time zone"),
    ("2018-01-24T01:30Z,10,13,9,12,5\n", "line 1: 2018-01-24T01:30Z is not on a 1h boundary"),
    ("2026-11-20T13:00Z,10,13,9,12,5\n", "line 1: 2026-11-20T13:00Z is in the future"),
]


@pytest.mark.parametrize(("content", "message"), INTRADAY_REFUSED)
def test_intraday_times_that_could_be_misread_are_refused(read: Reader, content: str, message: str) -> None:
    with pytest.raises(BadDataError, match=r"dump\.txt: line 1") as caught:
        read(content, market="24/7", timeframe="1h", layout="ohlcv_start")
    assert message in str(caught.value)


def test_an_intraday_ohlcv_dump_must_say_which_end_of_the_bar_its_times_mark(read: Reader) -> None:
    with pytest.raises(ConfigError, match="Set `layout: ohlcv_start` or `layout: ohlcv_close` for T:X:1h"):
        read("2018-01-24T01:00Z,10,13,9,12,5\n", market="24/7", timeframe="1h")


def test_an_order_of_columns_is_taken_only_when_every_row_fits(read: Reader) -> None:
    assert read("[[1516752000000, 12, 12, 12, 10, 5]]").bars.low.tolist() == [10]  # a high of 10 would be below 12
    assert read("[[1516752000000, 7, 7, 7, 7, 5]]").bars.close.tolist() == [7]  # either order, the same bar
    with pytest.raises(BadDataError, match="no known column order"):
        read("[[1516752000000, 10, 13, 9, 12, 5], [1516838400000, 12, 13, 14, 11, 5]]")


@given(st.tuples(*[st.floats(1, 9, allow_nan=False)] * 4))
def test_no_row_fits_both_column_orders_unless_all_its_prices_are_equal(row: tuple[float, ...]) -> None:
    a, b, c, d = row
    as_ohlc = c <= min(a, d) and b >= max(a, d)
    as_bitfinex = d <= min(a, b) and c >= max(a, b)
    assert not (as_ohlc and as_bitfinex) or a == b == c == d


SEEDS = [SPELLINGS[0], SPELLINGS[8], SPELLINGS[13], SPELLINGS[15], SPELLINGS[17], *SPELLINGS[-3:], "[" * 5000]
PIECES = ["", *'0-,."\t\n;:eZ[]{}', "\0", "\xff", "99999999", "null", "날짜"]
EDITS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(PIECES)), max_size=6)


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(seed=st.sampled_from(SEEDS), edits=EDITS, cut=st.integers(0, 400))
def test_a_damaged_file_gives_true_bars_or_a_named_refusal(
    read: Reader, seed: str, edits: list[tuple[int, str]], cut: int
) -> None:
    text = seed[: len(seed) - cut // 8]
    for at, new in edits:
        place = at % (len(text) + 1)
        text = text[:place] + new + text[place + 1 :]
    try:
        bars = read(text).bars
    except (BadDataError, ConfigError) as refusal:
        assert str(read.path) in str(refusal)  # both outcomes are right
    else:
        assert len(bars) and first_problem(bars) is None


def test_an_absent_dump_is_missing_input(read: Reader, tmp_path: Path) -> None:
    read(PLAIN)
    read.path = tmp_path / "none"
    instrument = Instrument(symbol="X", exchange="T", market="XKRX", timeframe="1d", currency="KRW", file="none")
    with pytest.raises(MissingInputError, match="none: no such file"):
        read_dump(read.path, instrument, read.hours["XKRX"], now_ms=int(NOW.timestamp() * 1000))


def test_a_row_takes_less_than_400_bytes_on_the_way(read: Reader) -> None:
    """A year of minutes is half a million of them."""
    lines = [
        f"{1_700_000_040 + 60 * i},{100 + i % 7}.25,109.5,99.75,{101 + i % 7}.13,{i % 13}.123" for i in range(20_000)
    ]
    told = {"market": "24/7", "timeframe": "1m", "currency": "USD", "layout": "ohlcv_start"}
    few = "\n".join(lines[:10]) + "\n"
    read(few, **told)  # imports
    tracemalloc.start()
    dump = read("timestamp,open,high,low,close,volume\n" + "\n".join(lines) + "\n", **told)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dump.rows_read == 20_000
    assert peak < 400 * 20_000  # with the text itself
