"""Three inputs and more for each row of the table of kinds of fault, different in kind; what is right is by hand."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import Dump, read_dump
from tests.market.dumps.support.kinds_of_fault import HEADER, days, found
from utils.errors import BadDataError

NOW = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
COIN = {"market": "24/7", "symbol": "BTCUSD"}
HOURS: dict[str, MarketHours] = {}
WEEK = ["2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07", "2024-03-08"]


def text_of(times: list[str], head: str = HEADER, row: str = "{t},{o},{h},{l},{c},{v}", base: int = 100) -> str:
    """Rows of made-up prices: the close of row i is base + i."""
    numbers = [
        {"o": base + i - 0.5, "h": base + i + 1, "l": base + i - 1, "c": base + i, "v": 1000 + i}
        for i in range(len(times))
    ]
    return head + "".join(row.format(t=t, **n) + "\n" for t, n in zip(times, numbers, strict=True))


def read(folder: Path, text: str, *, now: dt.datetime = NOW, name: str = "x.csv", **told: Any) -> Dump:
    (folder / name).write_text(text, encoding="utf-8")
    one = Instrument(
        exchange="T", file=name, **({"symbol": "X", "market": "XNYS", "timeframe": "1d", "currency": "USD"} | told)
    )
    hours = HOURS.setdefault(one.market, hours_of(one.market))
    return read_dump(folder / name, one, hours, now_ms=int(now.timestamp() * 1000))


def steps(first: str, count: int, seconds: int, shape: str = "%Y-%m-%dT%H:%M:%SZ") -> list[str]:
    start = dt.datetime.fromisoformat(first)
    return [(start + dt.timedelta(seconds=seconds * i)).strftime(shape) for i in range(count)]


def several(names: str, column: str = "Name") -> str:
    rows = [text_of(WEEK, "", "{t},{o},{h},{l},{c},{v}," + name, 100 * at) for at, name in enumerate(names.split(), 1)]
    return f"date,open,high,low,close,volume,{column}\n" + "".join(rows)


GRID = "%Y-%m-%d %H:%M:%S-05:00"
PAIRS = [{"date": day, "open": 9.5, "high": 11, "low": 9, "close": 10, "volume": 5} for day in WEEK]
WIDE = "Date,Open,High,Low,Close,Volume,Open.1,High.1,Low.1,Close.1,Volume.1\n2024-03-04,9,11,9,10,5,90,110,90,100,50\n"
NEW_YORKS = "2024-03-04 09:30:00-05:00"
SPRING = [day for day in days("2010-04-05", 60) if dt.date.fromisoformat(day).weekday() < 5]
MONTHS = [f"2009-{month:02}-01" for month in range(1, 13)]
OLD_HOURS = [*steps("2005-03-01 09:30", 3, 3600, GRID), *steps("2012-03-01 09:30", 7, 3600, GRID)]
EVENING = ("2024-03-04 00:00:00-05:00", "2024-03-05 00:00:00-05:00")  # and the price of when the file was made
REFUSED = [
    ("believed", "of the block of another symbol", several("AAL MSFT"), {"symbol": "AAPL"}, r"2 symbols \(AAL, MSFT\)"),
    ("believed", "two symbols without a column", text_of(WEEK) + text_of(WEEK, "", base=300), {}, "several symbols in one"),
    ("believed", "two symbols side by side, their names lost", WIDE, {}, "two columns are named open"),
    ("believed", "one of another name", several("MSFT"), {"symbol": "AAPL"}, "MSFT"),
    ("believed", "New York's hours as days", text_of(steps("2024-03-04 09:30", 7, 3600, GRID)), {}, "one hour apart"),
    ("believed", "three hours as days", text_of(steps("2024-03-04 09:00", 3, 3600, "%Y-%m-%d %H:%M:%S+09:00")), {"market": "XKRX"}, "one hour apart"),
    ("believed", "hours of London as weeks", text_of(steps("2024-03-04 08:00", 8, 3600)), {"market": "XLON", "timeframe": "1w"}, "one hour apart"),
    ("believed", "days as hours", text_of(WEEK), {"timeframe": "1h"}, r"line 2: .* has no time of day.* \(is it `timeframe: 1d`\?\)"),
    ("believed", "Fridays as days", text_of(days("2024-06-07", 4, 7)), {}, "weeks apart"),
    ("believed", "Mondays of a coin as days", text_of(days("2024-06-03", 4, 7)), COIN, "weeks apart"),
    ("believed", "ends of months as days", text_of(["2023-01-31", "2023-02-28", "2023-03-31"]), {}, "months apart"),
    ("believed", "months before days", text_of([*MONTHS, *SPRING]), {}, "2009-01-01 to 2009-12-01 are months apart.*`start:`"),
    ("believed", "weeks before days", text_of([*days("2009-12-07", 12, 7), *SPRING]), {}, "are weeks apart.*`start:`"),
    ("believed", "quarters as months", text_of(["2023-01-01", "2023-04-01", "2023-07-01"]), COIN | {"timeframe": "1mo"}, "quarters apart"),
    ("believed", "four hours as one", text_of(steps("2024-01-01", 3, 14_400)), COIN | {"timeframe": "1h", "layout": "ohlcv_start"}, "4 hours apart"),
    ("believed", "a session's two halves as hours", text_of(["2024-03-04 09:30:00-05:00", "2024-03-04 13:30:00-05:00", "2024-03-05 09:30:00-05:00", "2024-03-05 13:30:00-05:00"]), {"timeframe": "1h"}, "4 hours apart"),
    ("stamps", "London's days of currencies in UTC", text_of(steps("2024-07-01T23:00", 3, 86_400)), {"market": "FX"}, "17:00 in New York"),
    ("stamps", "Seoul's days of currencies by zone", text_of(WEEK), {"market": "FX", "zone": "Asia/Seoul"}, "17:00 in New York"),
    ("stamps", "midnights in Seoul written in UTC without a zone", text_of(steps("2024-03-03T15:00", 5, 86_400, "%Y-%m-%d %H:%M:%S")), {"market": "XKRX"}, "zone"),
    ("stamps", "a coin's ends of days without a zone", text_of(steps("2024-03-04", 5, 86_400, "%Y-%m-%d %H:%M:%S")), COIN | {"layout": "ohlcv_close"}, "zone"),
    ("stamps", "hours of before the calendar", text_of(OLD_HOURS), {"timeframe": "1h", "layout": "ohlcv_start"}, "line 2: .*, and the calendar of XNYS begins later: `start: 2010-01-01`"),
    ("stamps", "a price of long after the close", text_of([*EVENING, "2024-03-06 19:45:00-05:00"]), {}, "line 4: .* begins a day after the session 2024-03-06"),
    ("stamps", "a price of the evening by an unknown clock", text_of([*WEEK, "2024-03-11 16:00:02"]), {}, "line 7: .* has no time zone"),
    ("columns", "two closes in JSON", json.dumps([each | {"c": 20} for each in PAIRS]), {"name": "x.json"}, "two columns are named close"),
    ("columns", "the last trade next to a close that may be yesterday's", text_of(WEEK, "Date,Open,High,Low,Last,Close,Volume\n", "{t},{o},{h},{l},{h},{c},{v}"), {}, "two columns are named close"),
    ("columns", "two volumes in JSON", json.dumps([each | {"v": 20} for each in PAIRS]), {"name": "x.json"}, "two columns are named volume, and differ: volume '5', v '20'"),
    ("columns", "two volumes in a table", text_of(WEEK, "Date,Open,High,Low,Close,Volume,Vol\n", "{t},{o},{h},{l},{c},{v},7"), {}, "two columns are named volume, and differ"),
    ("columns", "two dates in JSON", json.dumps([each | {"timestamp": f"2020-01-0{i + 1}"} for i, each in enumerate(PAIRS)]), {"name": "x.json"}, "two columns are named time, and differ.*2020-01-01.*2024-03-04"),
    ("columns", "an adjusted close of nothing", text_of(WEEK[:2], "Date,Open,High,Low,Close,Adj Close,Volume\n", "{t},{o},{h},{l},{c},null,{v}"), {"prices": "adjusted"}, "adjusted close"),
    ("halts", "prices below zero", HEADER + "2024-03-04,10,11,9,10,5\n2024-03-05,-17,17.85,-40.32,-37.63,247947\n", {}, "zero or less"),
    ("halts", "no price but a volume", HEADER + "2024-03-04,10,11,9,10,5\n2024-03-05,10,11,9,-1,0\n2024-03-06,10,11,9,10,5\n", {}, "zero or less"),
    ("rows", "high below low", HEADER + "2024-03-04,10,11,9,10,5\n2024-03-05,10,1,9,12,5\n", {}, "line 3: high is below low"),
    ("rows", "an infinite close", HEADER + "2024-03-04,10,11,9,10,5\n2024-03-05,10,11,9,1e400,5\n", {}, "close: "),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told", "what"), [pytest.param(*each[2:], id=f"{each[0]}: {each[1]}") for each in REFUSED]
)
def test_what_is_not_what_the_desk_says_is_refused(tmp_path: Path, text: str, told: dict[str, Any], what: str) -> None:
    with pytest.raises(BadDataError) as refusal:
        read(tmp_path, text, **told)
    assert re.search(what, str(refusal.value)), str(refusal.value)
    assert str(tmp_path / told.get("name", "x.csv")) in str(refusal.value)


HOUR_ENDS = [
    f"2024-03-0{day} {clock}:00-05:00"
    for day in (4, 5)
    for clock in ("10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00")
]
TOKYO = [f"2025-03-04 {clock}:00+09:00" for clock in ("09:00", "10:00", "11:00", "12:30", "13:30", "14:30")]
HONG_KONG = [f"2025-03-04 {clock}:00+08:00" for clock in ("10:30", "11:30", "12:00", "14:00", "15:00", "16:00")]
SEOULS_ENDS = [
    f"2024-03-04 {clock}:00+09:00" for clock in ("10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "15:30")
]
LIVE = ["2024-07-01 00:00:00-04:00", "2024-07-02 00:00:00-04:00", "2024-07-03 10:03:12-04:00"]
GROUPED = {
    "results": [
        {"T": name, "v": 5, "o": 9, "c": 10 * at, "h": 10 * at, "l": 9, "t": 1602705600000}
        for at, name in enumerate(("KIMpL", "TANH"), 1)
    ]
}
COIN_DAY = {"market": "24/7", "symbol": "BTCUSD"}
TAKEN = [
    ("believed", "its block of several", several("AAL AAPL MSFT"), {"symbol": "AAPL"}, 5, ("2024-03-04T21:00", "2024-03-08T21:00"), 204.0, "other symbols"),
    ("believed", "its row of a grouped day", json.dumps(GROUPED), {"symbol": "TANH", "layout": "ohlcv_close", "name": "x.json"}, 1, ("2020-10-14T20:00",) * 2, 20.0, "other symbols?"),
    ("believed", "rows before the desk's start may be months", text_of([*MONTHS, *SPRING]), {"start": "2010-04-01"}, 43, ("2010-04-05T20:00", "2010-06-03T20:00"), 155.0, "desk's start"),
    ("believed", "hours of before the calendar", text_of(OLD_HOURS), {"timeframe": "1h", "layout": "ohlcv_start", "start": "2010-01-04"}, 7, ("2012-03-01T15:30", "2012-03-01T21:30"), 109.0, "desk's start"),
    ("stamps", "days from eleven", text_of(steps("2024-03-04T11:00", 3, 86_400)), COIN_DAY, 3, ("2024-03-05T11:00", "2024-03-07T11:00"), 102.0, ""),
    ("stamps", "days from six, in seconds", text_of(["1709532000", "1709618400", "1709704800"]), COIN_DAY, 3, ("2024-03-05T06:00", "2024-03-07T06:00"), 102.0, ""),
    ("stamps", "days of Hong Kong", text_of([f"{day}T00:00:00+08:00" for day in WEEK]), COIN_DAY, 5, ("2024-03-04T16:00", "2024-03-08T16:00"), 104.0, ""),
    ("stamps", "a coin's days to midnight", text_of(steps("2024-03-04T00:00", 3, 86_400)), COIN_DAY | {"layout": "ohlcv_close"}, 3, ("2024-03-04T00:00", "2024-03-06T00:00"), 102.0, ""),
    ("stamps", "days of Athens are New York's", text_of(steps("2024-07-01T21:00", 3, 86_400)), {"market": "FX"}, 3, ("2024-07-02T21:00", "2024-07-04T21:00"), 102.0, ""),
    ("stamps", "London's days in UTC, over summer time", text_of(["2024-03-28T00:00:00Z", "2024-04-01T23:00:00Z", "2024-04-02T23:00:00Z"]), {"market": "XLON"}, 3, ("2024-03-28T16:30", "2024-04-03T15:30"), 102.0, ""),
    ("stamps", "a month of Hong Kong by London's clock", text_of(["2024-06-30 17:00:00"]), {"market": "XHKG", "timeframe": "1mo", "zone": "Europe/London", "layout": "ohlcv_start"}, 1, ("2024-07-31T08:00",) * 2, 100.0, ""),
    ("columns", "VolumeFrom", text_of(WEEK, "time,open,high,low,close,volumefrom,volumeto\n", "{t},{o},{h},{l},{c},{v},9"), COIN_DAY, 5, ("2024-03-05T00:00", "2024-03-09T00:00"), 104.0, "not used.*volumeto"),
    ("columns", "Volume (BTC)", text_of(WEEK, "Date,Open,High,Low,Close,Volume_(Currency),Volume_(BTC)\n", "{t},{o},{h},{l},{c},9,{v}"), COIN_DAY, 5, ("2024-03-05T00:00", "2024-03-09T00:00"), 104.0, "not used"),
    ("columns", "money alone", text_of(WEEK, "Date,Open,High,Low,Close,Quote asset volume\n"), COIN_DAY, 5, ("2024-03-05T00:00", "2024-03-09T00:00"), 104.0, "no column for volume"),
    ("columns", "a time when the file was made", text_of(WEEK, "Date,Open,High,Low,Close,Volume,Time\n", "{t},{o},{h},{l},{c},{v},2024-06-01"), {}, 5, ("2024-03-04T21:00", "2024-03-08T21:00"), 104.0, "not used.*Time"),
    ("columns", "a timestamp when the file was made", text_of(WEEK, "Date,Open,High,Low,Close,Volume,Timestamp\n", "{t},{o},{h},{l},{c},{v},1717200000"), {}, 5, ("2024-03-04T21:00", "2024-03-08T21:00"), 104.0, "not used.*Timestamp"),
    ("columns", "a price without a name", text_of(WEEK, "Date,0\n", "{t},{c}"), {}, 5, ("2024-03-04T21:00", "2024-03-08T21:00"), 104.0, "only one price"),
    ("columns", "a price and an index without a name", text_of(WEEK, ",0\n", "{t},{c}"), {}, 5, ("2024-03-04T21:00", "2024-03-08T21:00"), 104.0, "only one price"),
    ("columns", "the last trade next to the close, in India", text_of(WEEK, "Date,Symbol,Series,Prev Close,Open,High,Low,Last,Close,Volume\n", "{t},X,EQ,9,{o},{h},{l},{h},{c},{v}"), {}, 5, ("2024-03-04T21:00", "2024-03-08T21:00"), 104.0, "not used.*Prev Close, Last"),
    ("halts", "a row of nothing", HEADER + "2024-03-04,10,11,9,10,5\n2024-03-05,NaN,NaN,NaN,NaN,NaN\n2024-03-06,10,11,9,10,5\n", {}, 2, ("2024-03-04T21:00", "2024-03-06T21:00"), 10.0, "no prices"),
    ("halts", "the close of the day before", HEADER + "2024-03-04,10,11,9,10,5\n2024-03-05,0,0,0,10,0\n2024-03-06,10,11,9,10,5\n", {"market": "XKRX"}, 2, ("2024-03-04T06:30", "2024-03-06T06:30"), 10.0, "halt"),
    ("halts", "no volume yet", HEADER + "2024-03-04,10,10,10,10,0\n2024-03-05,11,11,11,11,0\n2024-03-06,10,11,9,10,5\n", {}, 3, ("2024-03-04T21:00", "2024-03-06T21:00"), 10.0, ""),
    ("rows", "a dash for the volume", HEADER + "2024-03-04,10,11,9,10,5\n2024-03-05,10,11,9,10,-\n2024-03-06,10,11,9,11,5\n", {}, 3, ("2024-03-04T21:00", "2024-03-06T21:00"), 11.0, "volume missing"),
    ("rows", "what Yahoo says of a dividend", HEADER + '2024-03-04,10,11,9,10,5\n2024-03-05,0.24 Dividend,,,,\n', {}, 1, ("2024-03-04T21:00",) * 2, 10.0, "dividend or split"),
    ("readers", "New York's hours to their ends", text_of(HOUR_ENDS), {"timeframe": "1h", "layout": "ohlcv_close"}, 14, ("2024-03-04T15:30", "2024-03-05T21:30"), 113.0, ""),
    ("readers", "Seoul's hours to their ends", text_of(SEOULS_ENDS), {"market": "XKRX", "timeframe": "1h"}, 7, ("2024-03-04T01:00", "2024-03-04T07:00"), 106.0, ""),
    ("readers", "Tokyo's hours, and after lunch", text_of(TOKYO), {"market": "XTKS", "timeframe": "1h"}, 6, ("2025-03-04T01:00", "2025-03-04T06:30"), 105.0, ""),
    ("readers", "Hong Kong's hours to their ends", text_of(HONG_KONG), {"market": "XHKG", "timeframe": "1h", "layout": "ohlcv_close"}, 6, ("2025-03-04T02:30", "2025-03-04T08:00"), 105.0, ""),
    ("readers", "New York's hours from half past nine", text_of(steps("2024-03-04 09:30", 7, 3600, GRID)), {"timeframe": "1h"}, 7, ("2024-03-04T15:30", "2024-03-04T21:30"), 106.0, ""),
    ("extended", "from four to eight", text_of(steps("2024-03-04 04:00", 32, 1800, GRID)), {"timeframe": "30m", "layout": "ohlcv_start"}, 13, ("2024-03-04T15:00", "2024-03-04T21:00"), 123.0, "outside the session"),
    ("extended", "kept", text_of(steps("2024-03-04 04:00", 32, 1800, GRID)), {"timeframe": "30m", "layout": "ohlcv_start", "hours": "extended"}, 32, ("2024-03-04T09:30", "2024-03-05T01:00"), 131.0, ""),
    ("extended", "Seoul's second market", text_of(steps("2024-03-04 08:00", 24, 1800, "%Y-%m-%d %H:%M:%S+09:00")), {"market": "XKRX", "timeframe": "30m", "layout": "ohlcv_start"}, 13, ("2024-03-04T00:30", "2024-03-04T06:30"), 114.0, "outside the session"),
    ("age", "a price of this morning, copied in the evening", text_of(LIVE), {"now": dt.datetime(2024, 7, 4, 1, tzinfo=dt.UTC)}, 2, ("2024-07-01T20:00", "2024-07-02T20:00"), 101.0, "not closed yet"),
    ("age", "the last price of the day, in the evening", text_of([*EVENING, "2024-03-06 16:00:02-05:00"]), {}, 3, ("2024-03-04T21:00", "2024-03-06T21:00"), 102.0, ""),
    ("age", "the running week", text_of(days("2024-02-05", 5, 7)), {"timeframe": "1w", "now": dt.datetime(2024, 3, 6, 12, tzinfo=dt.UTC)}, 4, ("2024-02-09T21:00", "2024-03-01T21:00"), 103.0, "not closed yet"),
    ("age", "a coin's running hour", text_of(steps("2024-03-08T08:00", 5, 3600)), COIN_DAY | {"timeframe": "1h", "layout": "ohlcv_start", "now": dt.datetime(2024, 3, 8, 12, 30, tzinfo=dt.UTC)}, 4, ("2024-03-08T09:00", "2024-03-08T12:00"), 103.0, "not closed yet"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told", "count", "ends", "close", "said"),
    [pytest.param(*each[2:], id=f"{each[0]}: {each[1]}") for each in TAKEN],
)
def test_what_is_is_taken_and_what_is_peculiar_about_it_said(
    tmp_path: Path, text: str, told: dict[str, Any], count: int, ends: tuple[str, str], close: float, said: str
) -> None:
    dump = read(tmp_path, text, **told)
    stamps = [
        dt.datetime.fromtimestamp(ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M") for ms in dump.bars.ts_ms.tolist()
    ]
    assert (len(stamps), (stamps[0], stamps[-1]), dump.bars.close[-1]) == (count, ends, close)
    words = [f"{each.what} {each.example}" for each in (*dump.cleaned, *dump.oddities)]
    assert any(re.search(said, each) for each in words) if said else True, found(dump)
