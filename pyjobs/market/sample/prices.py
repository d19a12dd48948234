"""The sample market: made-up prices, the same on every machine, with what real data has.

Gaps through any stop, trading halts, share splits, a flash crash, missing bars, trends that begin and end. Every
series is computed from one fixed day on, so a date has the same price whichever day the sample ends. NumPy's
RandomState is used because its stream is frozen for good; the newer generators may change between releases.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from pyjobs.market.bars import FloatArray, IntArray
from utils.trading_day import Calendar, Session

SEED = 20_100_104
GENESIS = dt.date(2014, 1, 1)
YEARS = 6
CRYPTO_DAYS = 90
BAR_MS = 300_000
BARS_A_DAY = 288
DAY_MS = 86_400_000
SYMBOLS = tuple(f"SMP{n:03d}" for n in range(1, 13))
INDEX = "SMPIDX"
PAIR = "SMPUSD"

# KRX tick sizes (since 2023-01-25): from this price on, this tick, in won.
TICK_FROM = np.array([0, 2_000, 5_000, 20_000, 50_000, 200_000, 500_000], np.float64)
TICK = np.array([1, 5, 10, 50, 100, 500, 1_000], np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`ratio` new shares for one old, first traded on `session` after three days of halt."""

    symbol: str
    session: dt.date
    ratio: int


SPLITS = (
    Split(symbol="SMP004", session=dt.date(2023, 5, 4), ratio=50),
    Split(symbol="SMP009", session=dt.date(2026, 3, 12), ratio=5),
)
SPLIT_HALT_DAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """One daily series: dates, OHLC in won (back-adjusted for splits), shares traded. A halt has volume 0."""

    symbol: str
    dates: list[dt.date]
    ohlc: FloatArray
    volume: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """Five-minute candles: start (UTC ms), OHLC, volume. The newest one had not closed when it was "taken"."""

    start_ms: IntArray
    ohlc: FloatArray
    volume: FloatArray


def tick(price: FloatArray) -> FloatArray:
    """The tick size in won at each price."""
    return np.asarray(TICK[np.searchsorted(TICK_FROM, price, side="right") - 1], np.float64)


def daily_market(calendar: Calendar, end: Session) -> list[Daily]:
    """The twelve stocks and the index, up to six years of sessions ending with `end`."""
    dates = [session.date for session in calendar.sessions_between(GENESIS, end.date)]
    days = np.array([date.toordinal() for date in dates], np.int64)
    common = _noise(SEED, days)[0] * 0.008 + 0.0002
    first = end.date.replace(year=end.date.year - YEARS, day=min(end.date.day, 28))
    start = int(np.searchsorted(days, first.toordinal()))
    series = [_stock(number, symbol, dates, days, common) for number, symbol in enumerate(SYMBOLS, 1)]
    series.append(_index(dates, days, common))
    return [Daily(symbol=s.symbol, dates=dates[start:], ohlc=s.ohlc[start:], volume=s.volume[start:]) for s in series]


def _noise(seed: int, days: IntArray, rows: int = 1) -> FloatArray:
    """`rows` standard normal numbers for each day: they belong to the date, whatever sessions there are."""
    first, span = GENESIS.toordinal(), int(days[-1]) - GENESIS.toordinal() + 1
    drawn = np.random.RandomState(seed).standard_normal((span, rows))
    return np.asarray(drawn[days - first].T, np.float64)


def _stock(number: int, symbol: str, dates: list[dt.date], days: IntArray, common: FloatArray) -> Daily:
    eps, gap, up, down, traded = _noise(SEED + number, days, 5)
    chance = np.random.RandomState(SEED - number).random_sample((int(days[-1]) - GENESIS.toordinal() + 1, 3))
    shock, size, halt_draw = chance[days - GENESIS.toordinal()].T
    volatility = 0.009 + 0.0012 * (number % 5)
    # A slow wave of drift makes trends of a few months; each stock has its own length and phase.
    wave = np.sin(2 * np.pi * (days / (150 + 23 * number) + number / 7)) * 0.0012
    overnight = gap * volatility * 0.5 - np.where(shock < 1 / 250, 0.08 + 0.04 * size, 0.0) + 0.0004
    split = next((split for split in SPLITS if split.symbol == symbol), None)
    halted = _halts(halt_draw, dates, split)
    overnight = np.where(halted, 0.0, overnight)
    move = np.where(halted, 0.0, wave + (0.5 + 0.1 * (number % 7)) * common + eps * volatility)
    level = np.log(2_500 * 1.6**number if split is None else 40_000.0)
    close = level + np.cumsum(overnight + move)
    opened = np.append(level, close[:-1]) + overnight
    high = np.maximum(opened, close) + np.abs(up) * volatility * 0.5
    low = np.minimum(opened, close) - np.abs(down) * volatility * 0.5
    ohlc = _on_ticks(np.exp(np.stack([opened, high, low, close], axis=1)), dates, split)
    volume = np.round(np.exp(12.0 + 0.5 * traded + 20 * np.abs(move)) / (1 + number % 3))
    return _with_halts(symbol, dates, ohlc, volume, halted)


def _halts(draw: FloatArray, dates: list[dt.date], split: Split | None) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Days without a trade: one to five in a row about every two years, and three before a split."""
    halted = np.zeros(len(dates), bool)
    for begin in np.flatnonzero(draw < 1 / 500):
        halted[begin : begin + 1 + int(draw[begin] * 500 * 5)] = True
    if split and split.session in dates:
        at = dates.index(split.session)
        halted[at - SPLIT_HALT_DAYS : at] = True
        halted[at] = False
    return halted


def _on_ticks(prices: FloatArray, dates: list[dt.date], split: Split | None) -> FloatArray:
    """Prices as they were traded, on the tick grid of their day; older than a split, divided and rounded to the won."""
    factor = np.ones(len(dates))
    if split:
        factor[[date < split.session for date in dates]] = split.ratio
    traded = prices * factor[:, None]
    steps = tick(traded)
    return np.asarray(np.round(np.round(traded / steps) * steps / factor[:, None]), np.float64)


def _with_halts(
    symbol: str,
    dates: list[dt.date],
    ohlc: FloatArray,
    volume: FloatArray,
    halted: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> Daily:
    """A halted day repeats the last traded close, with no volume."""
    traded = np.maximum.accumulate(np.where(halted, 0, np.arange(len(dates))))
    ohlc = np.where(halted[:, None], ohlc[traded, 3][:, None], ohlc)
    return Daily(symbol=symbol, dates=dates, ohlc=ohlc, volume=np.where(halted, 0.0, volume))


def _index(dates: list[dt.date], days: IntArray, common: FloatArray) -> Daily:
    gap, up, down, traded = _noise(SEED + 99, days, 4)
    close = np.log(2_000.0) + np.cumsum(common)
    opened = np.append(np.log(2_000.0), close[:-1]) + gap * 0.003
    high = np.maximum(opened, close) + np.abs(up) * 0.003
    low = np.minimum(opened, close) - np.abs(down) * 0.003
    ohlc = np.round(np.exp(np.stack([opened, high, low, close], axis=1)), 2)
    return Daily(symbol=INDEX, dates=dates, ohlc=ohlc, volume=np.round(np.exp(13 + 0.2 * traded)))


def pair_candles(end_ms: int) -> Candles:
    """SMPUSD: 90 days of candles up to `end_ms`, and the one that is running then."""
    first_day, last_day = (end_ms - CRYPTO_DAYS * DAY_MS) // DAY_MS, end_ms // DAY_MS
    days = np.arange(first_day, last_day + 1)
    genesis = (GENESIS.toordinal() - dt.date(1970, 1, 1).toordinal()) - 1
    walk = np.random.RandomState(SEED + 100).standard_normal(int(last_day) - genesis + 2) * 0.02
    anchor = np.log(20_000.0) + np.cumsum(walk)
    log_price = np.concatenate([_day_path(int(day), anchor[day - genesis], anchor[day - genesis + 1]) for day in days])
    start_ms = days[0] * DAY_MS + np.arange(len(days) * BARS_A_DAY, dtype=np.int64) * BAR_MS
    draws = np.concatenate([np.random.RandomState(SEED + 7 * int(day)).random_sample((BARS_A_DAY, 4)) for day in days])
    opened = np.append(log_price[0], log_price[:-1])
    high = np.maximum(opened, log_price) + draws[:, 0] * 0.0008
    low = np.minimum(opened, log_price) - draws[:, 1] * 0.0008
    ohlc = np.round(np.exp(np.stack([opened, high, low, log_price], axis=1)), 1)
    volume = np.round(0.05 + 12 * draws[:, 2] ** 4 + 160_000 * (log_price - opened) ** 2, 4)
    kept = (draws[:, 3] > 0.003) & ~_outage(start_ms)
    kept &= (start_ms >= end_ms - CRYPTO_DAYS * DAY_MS) & (start_ms < end_ms)
    running = (start_ms == end_ms) & (start_ms >= 0)
    volume = np.where(running, np.round(volume / 10, 4), volume)
    chosen = kept | running
    return Candles(start_ms=start_ms[chosen], ohlc=ohlc[chosen], volume=volume[chosen])


def _day_path(day: int, begin: float, end: float) -> FloatArray:
    """Log closes of one UTC day's candles: a bridge between the day's two anchors, with a flash crash now and then."""
    steps = np.random.RandomState(SEED + day).standard_normal(BARS_A_DAY) * 0.0012
    path = np.cumsum(steps)
    share = np.arange(1, BARS_A_DAY + 1) / BARS_A_DAY
    path = begin + (end - begin) * share + path - path[-1] * share
    if day % 45 == 17:  # twice in any 90 days: down by a fifth within four candles, and back within six
        at = 100 + day % 100
        path[at : at + 10] += np.log([0.97, 0.90, 0.83, 0.80, 0.84, 0.88, 0.93, 0.96, 0.98, 0.99])
    return np.asarray(path, np.float64)


def _outage(start_ms: IntArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Two hours without any candle every thirty days."""
    day, within = start_ms // DAY_MS, start_ms % DAY_MS
    return np.asarray((day % 30 == 11) & (within >= 3 * 3_600_000) & (within < 5 * 3_600_000), np.bool_)
