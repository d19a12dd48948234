"""Bars written in each format of the table, by its row, come back the same or are refused."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.desk.price_formats import PriceFormat, price_formats
from pyjobs.market.dumps.read_dump import read_dump
from utils.errors import NightdeskError

NOW_MS = 1_795_176_000_000  # 2026-11-20T12:00Z
STEPS = {"1m": 60_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}
FORMATS = [pytest.param(each, id=f"{each.name}-{at}") for at, each in enumerate(price_formats())]
Bar = tuple[int, int, float, float, float, float, float]  # start, close (UTC ms), prices, volume
TIMES = {
    *("time", "date", "datetime", "timestamp", "opentime", "mts", "unix", "start", "dt", "localdate", "gmttime"),
    *("candledatetimekst", "unixtimestamp", "snappedat", "id"),
    *("stckbsopdate", "candledatetimeutc", "timeutc", "localtime", "timeeet", "t", "windowstart", "timeopen"),
    *("날짜", "일자", "년월일", "datum", "fecha", "data"),
}
FIELDS = {
    "open": "open openprice openpric stckoprc openingprice 1open o 시가 오픈 otwarcie eröffn apertura abertura ouv",
    "high": "high highprice highpric stckhgpr 2high h 고가 najwyzszy hoch máximo máxima massimo plushaut",
    "low": "low lowprice lowpric stcklwpr 3low l 저가 najnizszy tief mínimo mínima minimo plusbas",
    "close": "close closeprice curprc stckclpr tradeprice 4close c last price closelast 종가 현재가 zamkniecie zuletzt "
    "último ultimo dernier adjustedclose adjclose",
    "volume": "volume vol v amount trdeqty acmlvol realvolume up 거래량 거래량주 5volume",
}
FIELD_OF = {name: field for field, names in FIELDS.items() for name in names.split()}


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XKRX", "XNYS", "24/7")}


def made_up(chance: random.Random, shape: PriceFormat, hours: dict[str, MarketHours]) -> tuple[str, str, list[Bar]]:
    """(market, timeframe, bars with gaps): round the clock, or days of an exchange."""
    exchange = shape.markets == "sessions" or (shape.markets == "" and shape.time != "epoch" and chance.random() < 0.4)
    market = chance.choice(["XKRX", "XNYS"]) if exchange else "24/7"
    timeframe = "1d" if exchange else chance.choice(list(STEPS))
    bars, step, first = [], STEPS[timeframe], 1_704_067_200_000  # 2024-01-01
    for place in sorted(chance.sample(range(1, 40), chance.randint(4, 20))):
        low, one, two, high = sorted(chance.randint(100, 99_999) / 100 for _ in range(4))
        opened, close = chance.choice([(one, two), (two, one)])
        start = first + step * place
        ends = start + step
        if exchange:
            day = dt.date(2024, 1, 2).toordinal() + place
            if not hours[market].is_session(day):
                continue
            start = (day - dt.date(1970, 1, 1).toordinal()) * STEPS["1d"]
            ends = hours[market].close_ms(day)
        bars.append((start, ends, opened, high, low, close, float(chance.randint(1, 10**6))))
    return market, timeframe, bars


def clock_of(ms: int, zone: str) -> dt.datetime:
    moment = dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
    if zone[:1] in ("+", "-"):
        return moment + dt.timedelta(hours=int(zone[:3]))
    return moment.astimezone(ZoneInfo(zone)) if zone else moment


def time_text(shape: PriceFormat, name: str, ms: int, apart: bool, dates: bool) -> str:
    here = dt.datetime.fromtimestamp(ms / 1000, dt.UTC) if dates else clock_of(ms, shape.zone)
    if shape.time == "epoch" or name in ("unix", "unixtimestamp", "id", "t", "windowstart", "mts") or shape.broker:
        return str(ms // 1000)
    if name == "timestamp" and "datetime" in shape.header:
        return str(ms // 1000)
    day = {"dmy": "%d.%m.%Y", "mdy": "%m/%d/%Y"}.get(shape.dates, "%Y.%m.%d" if shape.time == "dotted" else "%Y-%m-%d")
    if shape.time == "compact":
        return here.strftime("%Y%m%d" if dates else "%Y%m%d %H%M%S")
    if dates or apart:
        return here.strftime(day)
    zone = "" if shape.zone or shape.without else " Etc/UTC" if shape.zoned else "Z"
    return here.strftime(f"{day} %H:%M:%S{zone}")


def names_of(shape: PriceFormat) -> list[str]:
    if shape.width:
        return shape.columns[: shape.width[-1]]
    plain = [name.lower() for name in shape.exact]
    names = [*shape.exact, *(name for name in shape.header if name not in {each.replace("_", "") for each in plain})]
    if not {name.lower() for name in names} & {*TIMES, ""}:
        names = [{"kiwoom-rest": "dt", "kiwoom": "일자"}.get(shape.name, "date"), *names]
    lacking = not {FIELD_OF.get(name.lower()) for name in names} & {"volume"} and "volume" not in shape.lacks
    return [*names, "volume"] if lacking and "tickvol" not in names and shape.name != "coinmarketcap" else names


def cells(shape: PriceFormat, bar: Bar, dates: bool, chance: random.Random) -> Iterator[str]:
    start, ends, *numbers = bar
    written = dict(zip(("open", "high", "low", "close", "volume"), numbers, strict=True))
    ms = ends if shape.mark == "end" and not dates else start
    names = [name.lower() for name in names_of(shape)]
    apart = {"date", "time"} <= set(names) or "clock" in names
    for name in names:
        if name == "clock" or (name == "time" and apart and "clock" not in names):
            yield "00:00" if dates else clock_of(ms, shape.zone).strftime("%H:%M")
        elif name in TIMES or (name == "" and shape.name == "pyupbit"):
            yield time_text(shape, name, ms, apart, dates)
        elif name == "volume" and shape.quiet:
            yield "0"
        elif field := FIELD_OF.get(name):
            value = written[field] / (shape.scale if field != "volume" else 1)
            sign = chance.choice(["", "-", "+"]) if shape.signed and field != "volume" else ""
            yield f"{sign}{value:.{0 if shape.scale != 1 else 2}f}"
        elif name == "close_time":
            yield str(ends // 1000 - 1)
        elif name in ("vwap", "quote_volume"):
            yield f"{(written['low'] + written['high']) / 2 * (1 if name == 'vwap' else written['volume']):.4f}"
        else:
            yield {"symbol": "X", "ticker": "X", "per": "", "complete": "1", "closetime": str(ends // 1000 - 1)}.get(
                name, "0"
            )


def read_or_refused(shape: PriceFormat, seed: int, hours: dict[str, MarketHours], path: Path) -> bool:
    chance = random.Random(seed)
    market, timeframe, bars = made_up(chance, shape, hours)
    dates = market != "24/7"
    lines = [";".join(names_of(shape))] if not shape.width else []
    rows = chance.choice([bars, bars[::-1], [*bars, bars[-1]]])
    lines += [";".join(cells(shape, bar, dates, chance)) for bar in rows]
    text = "\n".join([shape.preamble, *lines] if shape.preamble else lines) + "\n"
    path.write_text(text if shape.zoned or shape.delimiter == ";" else text.replace(";", ","))
    told: dict[str, Any] = {"layout": shape.name} if shape.asked or chance.random() < 0.3 else {}
    told |= {"zone": "+00:00"} if shape.without and not dates else {}
    instrument = Instrument(
        symbol="X", exchange="T", market=market, timeframe=timeframe, currency="USD", file=path.name, **told
    )
    try:
        found = read_dump(path, instrument, hours[market], now_ms=NOW_MS).bars
    except NightdeskError as refusal:
        assert str(path) in str(refusal)
        return False
    fields = {FIELD_OF.get(name.lower()) for name in names_of(shape)}
    volumes = "volume" in fields and not shape.quiet
    prices = (2, 3, 4, 5) if "open" in fields else (5, 5, 5, 5)
    expected = {bar[1]: (*(bar[at] for at in prices), bar[6] if volumes else 0.0) for bar in bars}
    got = {
        close: tuple(float(getattr(found, name)[at]) for name in ("open", "high", "low", "close", "volume"))
        for at, close in enumerate(found.ts_ms.tolist())
    }
    assert got == expected, text
    return True


@pytest.mark.parametrize("shape", FORMATS)
def test_a_format_of_the_table_gives_back_what_was_written_in_it(
    shape: PriceFormat, hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    taken = [read_or_refused(shape, seed, hours, tmp_path / "x.csv") for seed in range(6)]
    assert any(taken), "all were refused"


@pytest.mark.torture
def test_a_format_of_the_table_gives_it_back_a_thousand_times(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    for shape in price_formats():
        assert sum(read_or_refused(shape, seed, hours, tmp_path / "x.csv") for seed in range(1000)) > 80, shape.name
