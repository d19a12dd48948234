"""Prices in another unit than those around them: pence in pounds, or an unlisted split or new currency.

A share may come in pence for some days, in single rows in the middle of its history, or in one of a row's prices; all
were seen at Yahoo (https://github.com/ranaroussi/yfinance/issues/1531 and 552). Whether such a step is a change of
unit, an untold split, or a fall to a hundredth, no answer shows. So the bars that are stored decide: rows of times that
both have tell by how much, and what is newer than they are, and in another unit, waits until a person says what it is.
Where nothing is stored the newest rows count: nothing is taken while a change is new, and of an older one the rows
before it are set aside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import COLUMNS, Bars, FloatArray, IntArray
from pyjobs.market.providers.base import Fetched
from pyjobs.market.times import utc_text

UNITS = (math.log(100), math.log(1000))  # pence, fils
ALIKE = 0.5  # what a market may move besides: 61 to 165 times, and 607 to 1649, are a change of unit
NEWEST = 10  # bars in which a change of unit that lasts keeps the others from being stored
STRAY = 2  # bars in another unit just before those: single ones, and no change that lasts
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From the bar that closes `since_ms` on prices are 10 ** `tens` times those that are stored."""

    since_ms: int
    tens: int

    @property
    def text(self) -> str:
        """`from the bar of … on its prices are 100 times lower`."""
        way = "higher" if self.tens > 0 else "lower"
        return f"from the bar of {utc_text(self.since_ms)} on its prices are {10 ** abs(self.tens)} times {way}"


def of_one_unit(fetched: Fetched) -> Fetched:
    """`fetched` without rows that are, or a price of theirs is, in another unit than the newest; they are `untrue`.

    Raw prices (coins, currencies, indices) may really fall to a hundredth, and are left as they are.
    """
    bars = fetched.bars
    if fetched.adjusted == "raw" or not (wrong := _mixed(bars)).any():
        return fetched
    kept = Bars(**{name: getattr(bars, name)[~wrong] for name in COLUMNS})
    untrue = tuple(sorted({*fetched.untrue, *bars.ts_ms[wrong].tolist()}))
    return replace(fetched, bars=kept, untrue=untrue)


def _levels(bars: Bars) -> IntArray:
    """By row, how many units the open, and the close, lie above those of the first row; two columns.

    Each step between two prices that follow one another counts by itself: a share that rises tenfold in years has none.
    """
    moved = np.diff(np.log(np.column_stack([bars.open, bars.close]).ravel()), prepend=np.log(bars.open[:1]))
    return np.asarray(np.cumsum(tens(moved)).reshape(-1, 2), np.int64)


def tens(moved: FloatArray) -> IntArray:
    """By how many tens each logarithm is a change of unit: a hundred is two, a thousand three; 0: it is none."""
    steps = np.zeros(moved.size, np.int64)
    for at, unit in enumerate(UNITS):
        alike = np.abs(np.abs(moved) - unit) < ALIKE
        steps[alike] = np.sign(moved[alike]).astype(np.int64) * (at + 2)
    return steps


def _mixed(bars: Bars) -> npt.NDArray[np.bool_]:
    levels = _levels(bars)
    return np.asarray((levels != levels[-1, 1]).any(axis=1) | _torn(bars), np.bool_)


def _torn(bars: Bars) -> npt.NDArray[np.bool_]:
    """Which rows have a high, or a low, in another unit than their other prices."""
    wide = np.column_stack(
        [bars.high / np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close) / bars.low]
    )
    apart = np.zeros(wide.shape, bool)
    for unit in UNITS:
        apart |= np.abs(np.log(wide) - unit) < ALIKE
    return np.asarray(apart.any(axis=1), np.bool_)


def newest_in_another_unit(fetched: Fetched) -> str:
    """The sentence about a change that lasts to the end and began within the newest bars; never of raw prices."""
    bars = fetched.bars
    if fetched.adjusted == "raw":
        return ""
    levels = _levels(bars)
    last, old = levels[-1, 1], max(0, len(bars) - NEWEST)
    if (levels[max(0, old - STRAY) : old + 1] == last).any():  # before the newest, prices were in the unit of the last
        return ""
    at = min(int(np.flatnonzero((levels != last).any(axis=1))[-1]) + 1, len(bars) - 1)
    step = Step(since_ms=int(bars.ts_ms[at]), tens=int(last - levels[old, 1]))
    return f"{step.text}, and it reports no split: another unit?"


def in_stored_unit(fetched: Fetched, old: Bars, *, newest_ms: int, traded_ms: int = 0) -> tuple[Fetched, Step | None]:
    """`fetched` in the unit of `old`, the stored bars of its stretch and the one before it; and what waits of it.

    Rows with a unit that no stored bar shows are left out: `untrue`, or, where the answer goes on from the newest
    stored bar (`newest_ms`), the newest of them a `Step`. Far from all stored bars the most rows count. A person has
    confirmed the unit of the first row from `traded_ms` on, which counts until such a row is stored. An answer that is
    as a whole in one other unit stays as it is: all of the series moves then.
    """
    bars = fetched.bars
    if fetched.adjusted == "raw" or not len(bars):
        return fetched, None
    levels = _levels(bars)
    level, good = levels[:, 1], (levels[:, 0] == levels[:, 1]) & ~_torn(bars)
    prices, volumes, known = _by_stored(bars, old, level, good)
    stored = known & (bars.ts_ms <= newest_ms)
    base = _base(bars, old, level, good, prices, stored)
    known = stored | known & (prices + level == base)  # where stored bars are of two units, the newest goes on
    accepted = good & (known | (level == base) | _as_confirmed(bars, level, good, newest_ms, traded_ms))
    if accepted.all() and not (prices.any() or volumes.any()):
        return fetched, None
    scale = np.where(accepted, 10.0**prices, 1.0)
    moved = {name: (getattr(bars, name) * scale)[accepted] for name in PRICES}
    kept = Bars(ts_ms=bars.ts_ms[accepted], volume=(bars.volume * 10.0**volumes)[accepted], **moved)
    wrong, step = good & ~accepted, None
    if wrong[-1] and bars.last_ms > newest_ms:
        since = int(np.flatnonzero(~wrong)[-1]) + 1 if not wrong.all() else 0
        step = Step(since_ms=int(bars.ts_ms[since]), tens=int(level[-1] - base))
    untrue = bars.ts_ms[~accepted & (bars.ts_ms < step.since_ms if step else True)]
    final = fetched.last_final or not accepted[-1]
    both = tuple(sorted({*fetched.untrue, *untrue.tolist()}))
    return replace(fetched, bars=kept, untrue=both, last_final=final), step


def _as_confirmed(
    bars: Bars, level: IntArray, good: npt.NDArray[np.bool_], newest_ms: int, traded_ms: int
) -> npt.NDArray[np.bool_]:
    """Rows of the unit that a person has confirmed; none once one of them is stored, which shows the unit then."""
    after = good & (bars.ts_ms >= traded_ms)
    if not traded_ms or newest_ms >= traded_ms or not after.any():
        return np.zeros(len(bars), bool)
    return np.asarray(after & (level == level[np.argmax(after)]), np.bool_)


def _by_stored(
    bars: Bars, old: Bars, level: IntArray, good: npt.NDArray[np.bool_]
) -> tuple[IntArray, IntArray, npt.NDArray[np.bool_]]:
    """By row the tens by which its prices, and its volume, are put into the stored unit, and whether that is known.

    Rows of one level are recognised by the times that are stored, too. Where none is as stored, the newest known stay
    as they come.
    """
    _, at_old, at_new = np.intersect1d(old.ts_ms, bars.ts_ms, assume_unique=True, return_indices=True)
    at_old, at_new = at_old[good[at_new]], at_new[good[at_new]]
    prices, volumes, known = np.zeros(level.size, np.int64), np.zeros(level.size, np.int64), np.zeros(level.size, bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_price = tens(np.log(old.close[at_old] / bars.close[at_new]))
        by_volume = tens(np.log(old.volume[at_old] / bars.volume[at_new]))
    for one in np.unique(level[at_new]):
        mine, rows = level[at_new] == one, level == one
        prices[rows] = int(np.median(by_price[mine]))
        volumes[rows] = int(np.median(by_volume[mine])) if prices[rows].any() else 0
        known |= rows
    known &= good
    newest = int(np.flatnonzero(known)[-1]) if known.any() else -1
    goes_on = level[good & ~known] == prices[newest] + level[newest]  # as what is stored does, as it comes
    if known.any() and prices[known].all() and not goes_on.any():
        prices, volumes = prices - prices[newest], volumes - volumes[newest]
    return prices * known, volumes * known, known


def _base(
    bars: Bars, old: Bars, level: IntArray, good: npt.NDArray[np.bool_], prices: IntArray, known: npt.NDArray[np.bool_]
) -> int:
    """The level of prices that go on from those stored as they come."""
    if known.any():
        newest = int(np.flatnonzero(known)[-1])
        return int(prices[newest] + level[newest])
    first = int(np.argmax(good))
    before = old.until(int(bars.ts_ms[first]))
    if not len(before):
        each, count = np.unique(level[good], return_counts=True)
        return int(each[np.argmax(count)]) if each.size else 0
    return int(level[first] - tens(np.log(bars.open[first : first + 1] / before.close[-1:]))[0])
