"""Odd rows and odd words of price files: what they mean, or what is asked for."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.meaning.lengths import length_of
from pyjobs.market.dumps.read_dump import read_dump
from pyjobs.market.dumps.reading import limits
from tests.market.dumps.support.more_dialects import (
    COIN,
    HOURLY,
    NOW_MS,
    closes,
    hours,  # noqa: F401  # the fixture
    read,
    rows,
)
from utils.errors import NightdeskError


def test_a_null_beside_a_number_with_a_comma_is_missing(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    text = '[{"time":"2024-01-02","open":"1,010","high":"1,013","low":"1,009","close":"1,012","volume":null}]'
    dump = read(tmp_path / "x", hours, text)
    assert (dump.bars.close.tolist(), dump.bars.volume.tolist()) == ([1012], [0])


def test_a_file_that_is_too_large_is_told_by_its_size_and_the_cure(
    hours: dict[str, MarketHours], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = rows(["2024-01-02", "2024-01-03"])
    monkeypatch.setattr(limits, "MOST_ROWS", 2)
    assert len(read(tmp_path / "x", hours, text).bars) == 2  # a header is no row
    monkeypatch.setattr(limits, "MOST_ROWS", 1)
    with pytest.raises(NightdeskError, match="at most 1 rows are read, and it has 2: split it into several files"):
        read(tmp_path / "x", hours, text)
    with pytest.raises(NightdeskError, match=r"x\.gz: at most 126,000,000 bytes are read, and it unpacks to more"):
        limits.check_size("x.gz", 126_000_001, cut=True)
    with pytest.raises(NightdeskError, match="x: at most 126,000,000 bytes are read, and it has 126,000,001: split it"):
        limits.check_size("x", 126_000_001)


def test_a_time_that_cannot_be_read_is_a_bad_row_like_any_other(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    times = ["2024-01-02", "2024-01-0x", "2024-01-04"]
    dump = read(tmp_path / "x", hours, rows(times), bad_rows=50)
    assert closes(dump) == ["2024-01-02T21:00", "2024-01-04T21:00"]
    assert [(each.count, each.first) for each in dump.cleaned] == [(1, "line 3")]
    times = [f"2024-01-02T15:0{minute}Z" for minute in (0, 1)] + ["x", "2024-01-02T15:03Z"]
    dump = read(tmp_path / "x", hours, rows(times), bad_rows=50, timeframe="1m", layout="ohlcv_start")
    assert [(each.count, each.first) for each in dump.cleaned] == [(1, "line 4")]


def test_volumes_of_eodhd_are_in_todays_shares_in_json_too(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    text = (
        '[{"date":"2020-08-28","open":504,"high":506,"low":498,"close":499,"adjusted_close":122,"volume":187},'
        '{"date":"2020-08-31","open":127,"high":131,"low":126,"close":129,"adjusted_close":126,"volume":223}]'
    )
    assert read(tmp_path / "x", hours, text, prices="adjusted").bars.volume.tolist() == [187, 223]


NSE = "Date,series,OPEN,HIGH,LOW,close,VOLUME\n02-Jan-2024,EQ,10,13,9,12,500\n02-Jan-2024,BE,11,14,10,13,7\n03-Jan-2024,BE,12,13,9,12,6\n"
OKX = [
    "1704067200000,43000,43300,42900,43200,{},7.1,306000,1\n1704153600000,43200,43400,43100,43300,{},5.1,220000,1\n".format(
        *contracts
    )
    for contracts in ((710, 510), (3060, 2200))  # of a hundredth of a coin, of 100 dollars
]
CHART = '{"prices":[[1704067200000,10.5],[1704153600000,11],[1704240000000,12],[1704267200000,12.5]],"market_caps":[[1704067200000,1],[1704153600000,1],[1704240000000,1],[1704267200000,1]],"total_volumes":[[1704067200000,9],[1704153600000,9],[1704240000000,9],[1704267200000,9]]}'


def test_of_a_share_in_two_series_on_one_date_the_main_one_is_taken(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    dump = read(tmp_path / "x.csv", hours, NSE)
    assert (dump.bars.close.tolist(), dump.bars.volume.tolist()) == ([12, 12], [500, 6])
    assert [(each.count, each.example) for each in dump.cleaned if "another series" in each.what] == [(1, "BE")]
    with pytest.raises(NightdeskError, match=r"lines 2 and 3: .*'board' separates them .*`symbol_column: board`"):
        read(tmp_path / "x.csv", hours, NSE.replace("series", "board"))


@pytest.mark.parametrize("text", [*OKX, "ts,o,h,l,c,vol,volCcy,volCcyQuote,confirm\n" + OKX[0]])
def test_contracts_are_not_taken_for_coins(hours: dict[str, MarketHours], tmp_path: Path, text: str) -> None:
    assert read(tmp_path / "x.csv", hours, text, **COIN).bars.volume.tolist() == [7.1, 5.1]


def test_a_chart_of_coingecko_is_its_prices_at_their_moments_without_the_running_day(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    dump = read(tmp_path / "x.json", hours, CHART, **COIN)
    assert closes(dump) == ["2024-01-01T00:00", "2024-01-02T00:00", "2024-01-03T00:00"]
    assert dump.bars.close.tolist() == [10.5, 11, 12]


@pytest.mark.parametrize(
    "text",
    [
        "Date Open High Low Close Volume\n2024-01-02 10 13 9 12 5\n2024-01-03 12 13 9 12 6\n",
        "      Date  Open  High  Low  Adj Close  Close Volume\n2024-01-02  10.0  13.0  9.0  11.0  12.0  5\n2024-01-03  12.0  13.0  9.0  11.0  12.0  6\n".replace(
            "Close Volume", "Close  Volume"
        ),
        "            Open  High  Low  Close  Volume\nDate\n2024-01-02  10.0  13.0  9.0   12.0       5\n2024-01-03  12.0  13.0  9.0   12.0       6\n",
    ],
)
def test_a_table_set_with_spaces_is_read(hours: dict[str, MarketHours], tmp_path: Path, text: str) -> None:
    bars = read(tmp_path / "x.txt", hours, text).bars
    assert (bars.open.tolist(), bars.close.tolist(), bars.volume.tolist()) == ([10, 12], [12, 12], [5, 6])


@pytest.mark.parametrize(
    ("step", "timeframe", "seems"),
    [(2, "1d", "2 days"), (3, "1d", "3 days"), (14, "1w", "fortnights"), (61, "1mo", "two months")],
)
def test_bars_of_several_days_weeks_or_months_are_not_those_of_one(
    hours: dict[str, MarketHours], tmp_path: Path, step: int, timeframe: str, seems: str
) -> None:
    first = dt.date(2024, 1, 1)
    text = rows([(first + dt.timedelta(days=step * at)).isoformat() for at in range(8)])
    with pytest.raises(NightdeskError, match=f"line 2 and the next: its rows are {seems} apart"):
        read(tmp_path / "x.csv", hours, text, market="24/7", timeframe=timeframe)


def test_a_winter_time_of_europe_in_summer_is_asked_about(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    text = rows(["2024-07-02 09:00 CET", "2024-07-02 10:00 CET"])
    told = {"market": "XETR", "timeframe": "1h", "layout": "ohlcv_start"}
    with pytest.raises(NightdeskError, match=r"CET in summer, .* Set `zone:`"):
        read(tmp_path / "x.csv", hours, text, **told)
    assert closes(read(tmp_path / "x.csv", hours, text, zone="Europe/Berlin", **told))[0] == "2024-07-02T08:00"


def test_one_field_under_two_names_by_turns_is_asked_about(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    row = '{{"date":"2024-01-0{}","open":10,"high":13,"low":9,"close":12,"{}":5}}'
    with pytest.raises(NightdeskError, match="row 2: 'volume' is empty and 'vol' is not"):
        read(tmp_path / "x.json", hours, f"[{row.format(2, 'volume')},{row.format(3, 'vol')}]")


def test_days_of_a_broker_are_of_a_clock_that_must_be_said(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    text = "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2024.01.02\t10\t13\t9\t12\t5\t0\t3\n"
    for market in ("FX", "24/7"):
        with pytest.raises(
            NightdeskError, match=r"line 2: 2024.01.02 is a day of its writer's clock \(metatrader5\): set"
        ):
            read(tmp_path / "x.csv", hours, text, market=market)
        assert closes(read(tmp_path / "x.csv", hours, text, market=market, zone="Europe/Athens")) == [
            "2024-01-02T22:00"
        ]
    assert closes(read(tmp_path / "x.csv", hours, text)) == ["2024-01-02T21:00"]


@pytest.mark.parametrize(
    ("word", "length"),
    [
        ("1week", "1w"),
        ("60min", "1h"),
        ("M5", "5m"),
        ("M", "1mo"),
        ("1M", "1mo"),
        ("1m", "1m"),
        ("daily", "1d"),
        ("2h", "2h"),
        ("EQ", ""),
    ],
)
def test_a_word_for_the_length_of_bars_means_a_timeframe(word: str, length: str) -> None:
    assert length_of(word) == length


def test_a_file_that_gives_its_bars_another_length_is_refused(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    values = '[{"datetime":"2024-01-02","open":"10","high":"13","low":"9","close":"12","volume":"5"}]'
    text = '{"meta":{"symbol":"X","interval":"LENGTH"},"values":' + values + "}"
    with pytest.raises(NightdeskError, match=r"it says 1week \(1w\), but the instrument is 1d"):
        read(tmp_path / "x.json", hours, text.replace("LENGTH", "1week"))
    assert closes(read(tmp_path / "x.json", hours, text.replace("LENGTH", "1day"))) == ["2024-01-02T21:00"]
    with pytest.raises(NightdeskError, match=r"its column interval says 4h \(4h\), but the instrument is 1h"):
        read(
            tmp_path / "x.csv",
            hours,
            "time,interval,o,h,l,c,v\n1704067200,4h,10,13,9,12,5\n",
            **HOURLY,
            layout="ohlcv_start",
        )


def test_a_volume_for_which_the_money_is_no_price_is_named(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    text = (
        "open_time,open,high,low,close,volume,close_time,quote_volume\n1704067200000,10,13,9,12,{},1704070799999,55\n"
    )
    for volume, named in ((5, False), (700, True)):
        dump = read(tmp_path / "x.csv", hours, text.format(volume), **HOURLY)
        assert any("is not a price's worth of it" in each.what for each in dump.oddities) is named


def test_the_files_of_a_folder_have_one_bound_together(
    hours: dict[str, MarketHours], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_TOGETHER", 3)
    (tmp_path / "many").mkdir()
    for month, name in enumerate("ab", 1):
        (tmp_path / "many" / f"{name}.csv").write_text(rows([f"2024-0{month}-02", f"2024-0{month}-05"]))
    instrument = Instrument(symbol="X", exchange="T", market="XNYS", timeframe="1d", currency="USD", file="many")
    with pytest.raises(NightdeskError, match="its files have more than 3 rows together: name a part of the files"):
        read_dump(tmp_path / "many", instrument, hours["XNYS"], now_ms=NOW_MS)
