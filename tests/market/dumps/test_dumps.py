"""Dumps as people have them: what is read, what is cleaned, what is refused and how the refusal reads."""

from __future__ import annotations

import datetime as dt
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyjobs.market.bars import first_problem
from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import Dump, read_dump
from utils.errors import BadDataError, ConfigError, MissingInputError

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)  # a Friday, the Korean session has closed


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XKRX", "24/7", "XNYS")}


class Reader:
    """Writes a dump with a known modification time and reads it."""

    def __init__(self, folder: Path, hours: dict[str, MarketHours]) -> None:
        self.path = folder / "dump.txt"
        self.hours = hours

    def __call__(
        self, content: str | bytes, *, now: dt.datetime = NOW, written: dt.datetime | None = None, **told: Any
    ) -> Dump:
        self.path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        os.utime(self.path, (0, (written or now).timestamp()))
        given = {"market": "XKRX", "timeframe": "1d", "currency": "KRW"} | told
        instrument = Instrument(symbol="X", exchange="T", file=self.path.name, **given)
        now_ms = int(now.timestamp() * 1000)
        return read_dump(self.path, instrument, self.hours[instrument.market], now_ms=now_ms)


@pytest.fixture
def read(tmp_path: Path, hours: dict[str, MarketHours]) -> Reader:
    return Reader(tmp_path, hours)


def found(dump: Dump) -> dict[str, tuple[int, str]]:
    return {finding.what: (finding.count, finding.first) for finding in (*dump.cleaned, *dump.oddities)}


def utc_ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


# Two sessions after 2016-08-01 (close 15:30 KST = 06:30 UTC); open 10, high 13, low 9, close 12, then 12, 14, 11, 13.
TWO_DAYS_MS = [utc_ms("2018-01-24T06:30:00+00:00"), utc_ms("2018-01-25T06:30:00+00:00")]
PLAIN = "2018-01-24,10,13,9,12,1000\n2018-01-25,12,14,11,13,2000\n"
SPELLINGS = [
    PLAIN,
    "\ufeff" + PLAIN,
    PLAIN.replace("\n", "\r\n"),
    PLAIN.replace(",", "\t"),
    PLAIN.replace(",", ";"),
    PLAIN.replace("-", ""),
    PLAIN.replace("-", "/"),
    PLAIN.replace("-", "."),
    PLAIN.replace("1000", '"1,000"').replace("2000", '"2,000"'),
    PLAIN + ",,,,,\n,,,,,\n",
    "\n" + PLAIN + "\n",
    PLAIN.encode("utf-16").decode("utf-16"),
    "Date,Open,High,Low,Close,Volume\n" + PLAIN,
    "Date,Open,High,Low,Close,Adj Close,Volume\n2018-01-24,10,13,9,12,6,1000\n2018-01-25,12,14,11,13,6.5,2000\n",
    "<TICKER>,<DATE>,<CLOSE>,<LOW>,<HIGH>,<OPEN>,<VOL>\nX,20180124,12,9,13,10,1000\nX,20180125,13,11,14,12,2000\n",
    "일자,종가,시가,고가,저가,거래량\n2018/01/24,12,10,13,9,1000\n2018/01/25,13,12,14,11,2000\n",
    "2018-01-24 00:00:00,10,13,9,12,1000\n2018-01-25T00:00:00+09:00,12,14,11,13,2000\n",
    "1516752000,10,13,9,12,1000\n1516838400000,12,14,11,13,2000\n",  # UTC midnights, seconds and milliseconds
    "1516719600,10,13,9,12,1000\n1516806000,12,14,11,13,2000\n",  # midnights in Seoul
    json.dumps([["2018-01-24", 10, 13, 9, 12, 1000], ["2018-01-25", 12, 14, 11, 13, "2,000"]]),
    json.dumps([[1516752000000, 10, 12, 13, 9, 1000], [1516838400000, 12, 13, 14, 11, 2000]]),  # Bitfinex order
    json.dumps(
        [
            {"date": "2018-01-24", "open": 10, "high": 13, "low": 9, "close": 12, "volume": 1000},
            {"date": "2018-01-25", "open": 12, "high": 14, "low": 11, "close": 13, "volume": 2000},
        ]
    ),
]


@pytest.mark.parametrize("text", SPELLINGS, ids=range(len(SPELLINGS)))
def test_the_same_two_days_in_every_spelling_are_the_same_bars(read: Reader, text: str) -> None:
    bars = read(text).bars
    assert bars.ts_ms.tolist() == TWO_DAYS_MS
    assert bars.open.tolist() == [10, 12]
    assert bars.high.tolist() == [13, 14]
    assert bars.low.tolist() == [9, 11]
    assert bars.close.tolist() == [12, 13]
    assert bars.volume.tolist() == [1000, 2000]


def test_other_encodings_of_a_korean_export_are_read(read: Reader) -> None:
    text = "일자,시가,고가,저가,종가,거래량\n20180124,10,13,9,12,1000\n"
    assert read(text.encode("cp949")).bars.close.tolist() == [12]
    assert read(text.encode("utf-16")).bars.close.tolist() == [12]


def test_an_adj_close_column_scales_adjusted_prices_and_is_only_noted_for_raw_ones(read: Reader) -> None:
    text = "Date,Open,High,Low,Close,Adj Close,Volume\n2018-01-24,10,13,9,12,6,1000\n"
    dump = read(text, prices="adjusted")
    assert [dump.bars.open[0], dump.bars.high[0], dump.bars.low[0], dump.bars.close[0]] == [5.0, 6.5, 4.5, 6.0]
    assert found(dump) == {"prices scaled by Adj Close": (1, "2018-01-24")}
    raw = read(text)
    assert raw.bars.close.tolist() == [12]
    assert found(raw) == {"Adj Close not used (the desk says `prices: raw`)": (1, "2018-01-24")}


def test_contracts_2_ts_ms_is_the_close_of_the_bar(read: Reader) -> None:
    row = [utc_ms("2018-01-24T00:00:00+00:00"), 10, 12, 13, 9, 5]
    rows = json.dumps([row, [row[0] + 3_600_000, *row[1:]]])
    bars = read(rows, market="24/7", timeframe="1h", layout="bitfinex").bars
    assert bars.ts_ms.tolist() == [utc_ms("2018-01-24T01:00:00+00:00"), utc_ms("2018-01-24T02:00:00+00:00")]
    start = "2018-01-24T00:00Z,10,13,9,12,5\n2018-01-24T01:00Z,10,13,9,12,5\n"
    assert read(start, market="24/7", timeframe="1h", layout="ohlcv_start").bars.ts_ms.tolist() == bars.ts_ms.tolist()
    close = "2018-01-24T01:00Z,10,13,9,12,5\n2018-01-24T02:00Z,10,13,9,12,5\n"
    assert read(close, market="24/7", timeframe="1h", layout="ohlcv_close").bars.ts_ms.tolist() == bars.ts_ms.tolist()


def test_a_daily_bar_closes_with_its_session_late_opens_and_older_hours_included(read: Reader) -> None:
    rows = "2016-07-29,1,1,1,1,5\n2016-08-01,1,1,1,1,5\n2025-11-13,1,1,1,1,5\n"
    closes = [  # 15:00 until July 2016, 15:30 from August 2016, 16:30 on the day of the university entrance exam
        utc_ms("2016-07-29T15:00:00+09:00"),
        utc_ms("2016-08-01T15:30:00+09:00"),
        utc_ms("2025-11-13T16:30:00+09:00"),
    ]
    assert read(rows).bars.ts_ms.tolist() == closes


def test_a_session_older_than_the_calendar_gets_a_stated_assumption(read: Reader) -> None:
    dump = read("1985-01-05,1,1,1,1,5\n2009-12-30,1,1,1,1,5\n2010-01-05,1,1,1,1,5\n")
    assert dump.bars.ts_ms[0] == utc_ms("1985-01-05T15:00:00+09:00")
    assert found(dump)["before the calendar of XKRX: close assumed at 15:00 at UTC+9"] == (2, "1985-01-05")
    assert found(dump)["session on a weekend"] == (1, "1985-01-05")


def test_duplicates_disorder_and_dates_without_a_session_are_cleaned_and_counted(read: Reader) -> None:
    dump = read(
        "2018-01-25,12,14,11,13,2000\n2018-01-24,10,13,9,12,1000\n"
        "2018-01-24,10,13,9,12,1000\n2018-01-25,12,14,11,13.5,2000\n2018-01-27,13,13,13,13,7\n"
    )
    assert dump.bars.ts_ms.tolist() == TWO_DAYS_MS
    assert dump.bars.close.tolist() == [12, 13.5]
    assert dump.rows_read == 5
    assert found(dump) == {
        "out of order: sorted": (2, "2018-01-24"),
        "repeated with the same numbers: one kept": (1, "2018-01-24"),
        "repeated with other numbers: the last one kept": (1, "2018-01-25"),
        "not a session of XKRX: left out": (1, "2018-01-27"),
    }


def test_halts_make_no_bar_in_either_spelling(read: Reader) -> None:
    dump = read("2018-01-24,10,13,9,12,1000\n2018-01-25,12,12,12,12,0\n2018-01-26,0,0,0,12,0\n2018-01-29,9,9,9,9,1\n")
    assert dump.bars.close.tolist() == [12, 9]
    assert found(dump)["halt (no volume, no price range): no bar"] == (2, "2018-01-25")
    assert "session without a row" not in found(dump)


def test_a_series_that_never_reports_volume_has_no_halts(read: Reader) -> None:
    assert len(read("2018-01-24,10,10,10,10,0\n2018-01-25,10,10,10,10,0\n").bars) == 2
    assert len(read("Date,Open,High,Low,Close\n2018-01-24,10,13,9,12\n").bars) == 1


def test_rows_without_prices_are_left_out(read: Reader) -> None:
    dump = read(PLAIN + "2018-01-26,null,null,null,null,null\n2018-01-29,-,-,-,-,-\n")
    assert len(dump.bars) == 2
    assert found(dump)["no prices in the row: left out"] == (2, "2018-01-26")


def test_missing_sessions_and_jumps_past_the_price_limit_are_oddities(read: Reader) -> None:
    dump = read("2018-01-22,10,10,10,10,5\n2018-01-24,10,13,9,12.9,5\n2018-01-25,20,20,20,20,5\n")
    assert found(dump) == {
        "session without a row": (1, "2018-01-23"),
        "beyond the daily price limit: corporate action, relisting or bad print": (1, "2018-01-25"),
    }


def test_a_close_above_its_high_by_a_rounding_is_cleaned_in_adjusted_prices_only(read: Reader) -> None:
    text = "2018-01-24,1000,1010,990,1011,5\n"
    dump = read(text, prices="adjusted")
    assert (dump.bars.high[0], dump.bars.close[0]) == (1011, 1011)
    assert found(dump)["high or low widened by a rounding"] == (1, "2018-01-24")
    with pytest.raises(BadDataError, match=r"line 1: open or close is outside low\.\.high"):
        read(text)
    with pytest.raises(BadDataError, match=r"outside low\.\.high"):
        read(text.replace("1011", "1012"), prices="adjusted")


def test_the_desks_start_cuts_off_older_rows(read: Reader) -> None:
    dump = read("2013-08-28,nonsense,1,1,1,1\n".replace("nonsense", "1") + PLAIN, start="2018-01-25")
    assert dump.first == "2018-01-25"
    assert found(dump)["before 2018-01-25, the desk's start: left out"] == (2, "2013-08-28")


def test_contracts_2_a_session_that_had_not_closed_gives_no_bar(read: Reader) -> None:
    rows = "2026-11-19,1,1,1,1,5\n2026-11-20,1,2,1,2,5\n"
    noon = dt.datetime(2026, 11, 20, 3, 0, tzinfo=dt.UTC)
    assert read(rows).last == "2026-11-20"
    running = read(rows, now=noon)
    assert running.last == "2026-11-19"
    assert found(running)["not closed yet when the dump was written: left out"] == (1, "2026-11-20")
    # Read in the evening, but written at noon: the bar in it is the noon one.
    assert read(rows, written=noon).last == "2026-11-19"


def test_contracts_2_a_bar_that_had_not_closed_when_an_intraday_dump_was_written_is_left_out(read: Reader) -> None:
    rows = "".join(f"2018-01-24T0{hour}:00Z,10,13,9,12,5\n" for hour in range(4))
    told = {"market": "24/7", "timeframe": "1h", "layout": "ohlcv_start"}
    assert read(rows, **told).last == "2018-01-24T03:00Z"
    now = dt.datetime(2018, 1, 24, 3, 30, tzinfo=dt.UTC)
    running = read(rows, now=now, **told)
    assert running.last == "2018-01-24T02:00Z"  # the running bar goes, and no second one with it
    assert found(running) == {"not closed yet when the dump was written: left out": (1, "2018-01-24T03:00Z")}


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
    (PLAIN + "2018-02-30,12,14,11,13,5\n", "line 3: day"),
    (PLAIN + "03/04/2018,12,14,11,13,5\n", "line 3: '03/04/2018' may be day/month or month/day: say `dates: dmy`"),
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
    with pytest.raises(ConfigError, match="Say `layout: ohlcv_start` or `layout: ohlcv_close` for T:X:1h"):
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
