"""Dumps as people have them: what is read, what is cleaned, what is refused and how the refusal reads."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from pyjobs.market.dumps.read_dump import Dump
from tests.market.dumps.support.dumps import PLAIN, SPELLINGS, Reader, hours, read  # noqa: F401  # the fixture
from utils.errors import BadDataError


def found(dump: Dump) -> dict[str, tuple[int, str]]:
    return {finding.what: (finding.count, finding.first) for finding in (*dump.cleaned, *dump.oddities)}


def utc_ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


# Two sessions after 2016-08-01 (close 15:30 KST = 06:30 UTC); open 10, high 13, low 9, close 12, then 12, 14, 11, 13.
TWO_DAYS_MS = [utc_ms("2018-01-24T06:30:00+00:00"), utc_ms("2018-01-25T06:30:00+00:00")]


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
    assert found(raw) == {"Adj Close not used (the desk sets `prices: raw`)": (1, "2018-01-24")}


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
