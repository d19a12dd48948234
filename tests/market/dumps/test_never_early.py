"""No bar is stored with a close before its period's end: all markets, timeframes, marks, layouts and clocks.

Files are written from bars whose true ends are known: over summer time's days, half days, holidays, lunch, sessions
that cross midnight, days of a coin that begin at other hours, hours that come twice.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pyjobs.market.bars import TIMEFRAME_MS
from pyjobs.market.calendars.hours import EPOCH_ORDINAL, MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import read_dump
from utils.errors import NightdeskError
from utils.trading_day import known_markets

DAY, NOW_MS = 86_400_000, 1_795_910_400_000  # 2026-11-29
TIMEFRAMES = [each for each in TIMEFRAME_MS if not each.endswith("-ext")]
MARKETS = sorted(known_markets())
DATES = (
    *("2024-03-07", "2024-03-28", "2024-10-24", "2024-10-31", "2024-11-27", "2024-12-23", "2024-12-30", "2024-07-01"),
    *("2024-04-02", "2024-10-02", "2024-11-12", "2024-02-07", "2024-05-01", "2023-07-14", "2024-09-05", "2025-11-20"),
    *("2012-10-26", "2011-12-28", "2026-03-05", "2020-03-27"),
)
PLACES = ("UTC", "Asia/Seoul", "America/New_York", "Europe/London", "Australia/Lord_Howe", "-05:00", "+05:30", "+09:00")
STYLES = ("seconds", "milliseconds", "home", "UTC", "elsewhere", "naive home", "naive UTC", "naive elsewhere", "date")


@dataclass(slots=True)
class Written:
    """Bars as (start, end, date or None), UTC ms; by whose clock their days are."""

    market: str
    timeframe: str
    home: str
    bars: list[tuple[int, int, dt.date | None]] = field(default_factory=list)


def zone_of(name: str) -> dt.tzinfo:
    if name[0] not in "+-":
        return ZoneInfo(name)
    return dt.timezone((1 if name[0] == "+" else -1) * dt.timedelta(hours=int(name[1:3]), minutes=int(name[4:])))


def midnight(date: dt.date, zone: str) -> int:
    return int(dt.datetime(date.year, date.month, date.day, tzinfo=zone_of(zone)).timestamp() * 1000)


def after(date: dt.date, timeframe: str) -> dt.date:
    """The first date after the day, week or month that begins at `date`."""
    if timeframe == "1mo":
        return (date.replace(day=28) + dt.timedelta(days=5)).replace(day=1)
    return date + dt.timedelta(days=7 if timeframe == "1w" else 1)


def begins(date: dt.date, timeframe: str) -> dt.date:
    if timeframe == "1w":
        return date - dt.timedelta(days=date.weekday())
    return date.replace(day=1) if timeframe == "1mo" else date


def round_the_clock(chance: random.Random, timeframe: str, count: int) -> Written:
    date, step = dt.date.fromisoformat(chance.choice(DATES)), TIMEFRAME_MS[timeframe]
    if step < DAY:
        first = midnight(date, "UTC") + step * chance.randrange(DAY // step)
        return Written(
            "24/7", timeframe, "UTC", [(first + step * i, first + step * (i + 1), None) for i in range(count)]
        )
    home = chance.choice(PLACES)
    written, date = Written("24/7", timeframe, home), begins(date, timeframe)
    for _ in range(count):
        written.bars.append((midnight(date, home), midnight(date := after(date, timeframe), home), None))
    return written


def of_sessions(chance: random.Random, market: str, timeframe: str, count: int, hours: MarketHours) -> Written:
    first = int(np.searchsorted(hours.days, dt.date.fromisoformat(chance.choice(DATES)).toordinal()))
    written, step = Written(market, timeframe, hours.calendar.zone.split("+")[0]), TIMEFRAME_MS[timeframe]
    spans: dict[dt.date, list[int]] = {}
    for at in range(first - 25, min(first + 25 * count, hours.days.size)):
        spans.setdefault(begins(dt.date.fromordinal(int(hours.days[at])), timeframe), []).append(at)
    if step >= DAY:
        whole = [span for span in spans.items() if span[1][0] > first - 25][:-1][:count]
        written.bars = [(int(hours.opens_ms[at[0]]), int(hours.closes_ms[at[-1]]), date) for date, at in whole]
        return written
    from_open = chance.random() < 0.7
    for at in range(first, first + count):
        opens, closes = int(hours.opens_ms[at]), int(hours.closes_ms[at])
        for start in range(opens if from_open else opens - opens % step, closes, step):
            written.bars.append((start, min(start + step, closes), None))
    written.bars = written.bars[: 4 * count]
    return written


def stamp(bar: tuple[int, int, dt.date | None], written: Written, mark: str, at_midnight: bool) -> int:
    start, end, date = bar
    if at_midnight and date is not None:
        return midnight(date if mark == "start" else after(date, written.timeframe), written.home)
    return start if mark == "start" else end


def made_up(chance: random.Random, hours: dict[str, MarketHours]) -> tuple[Written, str, dict[str, Any], str]:
    """(bars, the file of them, keys of the desk, what was drawn). The desk never says what is not so."""
    market, timeframe = chance.choice([*MARKETS, "24/7", "24/7", "FX", "CMES"]), chance.choice(TIMEFRAMES)
    count = chance.choice([2, 3, 5, 12, 30])
    written = (
        round_the_clock(chance, timeframe, count)
        if market == "24/7"
        else of_sessions(chance, market, timeframe, count, hours[market])
    )
    mark, style, elsewhere = chance.choice(["start", "end"]), chance.choice(STYLES), chance.choice(PLACES)
    long = TIMEFRAME_MS[timeframe] >= DAY
    if style == "date" and (not long or market == "24/7"):
        style = "UTC"  # what a date round the clock means is asked for by `zone`, and has tests of its own
    at_midnight, last = chance.random() < 0.6, mark == "end" and chance.random() < 0.2
    zone = {"home": written.home, "elsewhere": elsewhere}.get(style.removeprefix("naive "), "UTC")
    lines = []
    for at, bar in enumerate(written.bars):
        ms = stamp(bar, written, mark, at_midnight) - (1000 if last else 0)
        here = dt.datetime.fromtimestamp(ms / 1000, zone_of(zone))
        naive = here.strftime("%Y-%m-%d %H:%M:%S") if style.startswith("naive") else here.isoformat(sep=" ")
        text = {"seconds": str(ms // 1000), "milliseconds": str(ms), "date": str(bar[2])}.get(style, naive)
        price = 100 + at / 100
        lines.append(f"{text},{price:.2f},{price + 1:.2f},{price - 1:.2f},{price:.2f},{1000 + at}\n")
    told = {"layout": chance.choice(["auto", "ohlcv", "ohlcv_start" if mark == "start" else "ohlcv_close"])}
    if style == "date":
        told["layout"] = "auto"
    if style.startswith("naive") and (chance.random() < 0.6 or (long and market == "24/7")):
        told["zone"] = zone
    if not long and market != "24/7" and chance.random() < 0.3:
        told["hours"] = "extended"
    rows = lines[::-1] if chance.random() < 0.2 else lines
    return (
        written,
        "Date,Open,High,Low,Close,Volume\n" + "".join(rows),
        told,
        f"{market} {timeframe} {mark} {style} {told}",
    )


def held(seed: int, hours: dict[str, MarketHours], path: Path) -> bool:
    """Whether the file of a seed was read; it fails where one of its bars closes too early."""
    written, text, told, drawn = made_up(random.Random(seed), hours)
    path.write_text(text)
    instrument = Instrument(
        symbol="X",
        exchange="T",
        market=written.market,
        timeframe=written.timeframe,
        currency="USD",
        file=path.name,
        **told,
    )
    try:
        bars = read_dump(path, instrument, hours[written.market], now_ms=NOW_MS).bars
    except NightdeskError:
        return False
    for close, ts_ms in zip(bars.close.tolist(), bars.ts_ms.tolist(), strict=True):
        end = written.bars[round((close - 100) * 100)][1]
        assert ts_ms >= end, f"seed {seed}: {drawn}: a bar that ends at {end} is stored as closed at {ts_ms}\n{text}"
    return True


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in MARKETS}


def test_no_bar_closes_before_its_period_ends(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    assert sum(held(seed, hours, tmp_path / "x.csv") for seed in range(80)) > 40


@pytest.mark.torture
def test_no_bar_closes_before_its_period_ends_in_ten_thousand_files(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    assert sum(held(seed, hours, tmp_path / "x.csv") for seed in range(10_000)) > 5000


def test_the_days_that_are_tried_are_peculiar(hours: dict[str, MarketHours]) -> None:
    """Half days and summer time are among them, by the calendars."""
    lengths = {market: set((each.closes_ms - each.opens_ms).tolist()) for market, each in hours.items()}
    assert all(len(lengths[market]) > 1 for market in ("XNYS", "XLON", "XHKG", "XASX", "CMES"))
    first = np.array([dt.date.fromisoformat(date).toordinal() - EPOCH_ORDINAL for date in DATES]) * DAY
    assert len(set((hours["XNYS"].local_ms(first) - first).tolist())) == 2
