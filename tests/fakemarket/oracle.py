"""The same prices by a second route: plain integers, floats and loops, a minute at a time, from walk.py's words alone.

Nothing here is shared with what the server runs (numpy, columns, caches), except the table of instruments and the
calendar files: a test that compares a client's bar with this compares two computations.
"""

from __future__ import annotations

import datetime as dt
import math

from tests.fakemarket.universe import BY_ID, Instrument
from utils import trading_day

MASK = 2**64 - 1
MINUTE = 60_000


def draw(seed: int, stream: int, number: int) -> float:
    """SplitMix64's finalizer of one number, as a fraction of 1."""
    x = (number + seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) & MASK
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & MASK
    return ((x ^ x >> 31) >> 11) / 2**53


def price_at(one: Instrument, minute: int) -> float:
    log = 0.0
    for octave in range(11):
        span = 4**octave
        knot, part = divmod(minute, span)
        left, right = (2 * draw(one.seed, octave, at) - 1 for at in (knot, knot + 1))
        log += 0.0004 * 2**octave * (left + (right - left) * part / span)
    return one.price * math.exp(log)


def minute_bar(one: Instrument, minute: int) -> tuple[float, float, float, float, float] | None:
    """Open, high, low, close, volume of one closed minute, unrounded; None when nobody traded."""
    if minute % one.every or (one.quiet and draw(one.seed, 104, minute) < one.quiet):
        return None
    opened, closed = price_at(one, minute), price_at(one, minute + 1)
    high = max(opened, closed) * math.exp(0.0003 * draw(one.seed, 101, minute))
    low = min(opened, closed) * math.exp(-0.0003 * draw(one.seed, 102, minute))
    return opened, high, low, closed, one.size * (0.05 + 4 * draw(one.seed, 103, minute) ** 4)


def bar(symbol: str, start_ms: int, minutes: int, ratio: float = 1.0) -> list[float] | None:
    """Rounded O H L C V over `minutes` from `start_ms`, in shares of which there are `ratio` times fewer."""
    one = BY_ID[symbol]
    found = [minute_bar(one, start_ms // MINUTE + n) for n in range(minutes)]
    traded = [bar for bar in found if bar is not None]
    if not traded:
        return None
    prices = [traded[0][0], max(bar[1] for bar in traded), min(bar[2] for bar in traded), traded[-1][3]]
    volume = round(sum(bar[4] for bar in traded) / ratio, one.volume_decimals)
    return [*(round(price * ratio, one.decimals) for price in prices), volume]


def session_bar(symbol: str, day: dt.date, ratio: float = 1.0) -> list[float]:
    """The bar of one whole session of a stock or index that is not halted."""
    session = trading_day.load(BY_ID[symbol].market).session(day)
    assert session is not None, day
    found = bar(symbol, session.open_utc_s * 1000, (session.close_utc_s - session.open_utc_s) // 60, ratio)
    assert found is not None
    return found
