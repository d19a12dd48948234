"""Prices and volumes on one basis: an adjusted close adjusts the others, a split the volumes; one currency."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pyjobs.market.bars import FloatArray, IntArray
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.identity.symbols import pair_of
from pyjobs.market.dumps.meaning.plausible import NO, YES
from pyjobs.market.dumps.meaning.source import DumpSource, Findings
from pyjobs.market.dumps.reading.fields import column
from pyjobs.market.dumps.reading.numbers import numbers
from pyjobs.market.dumps.reading.stamps import Stamps
from utils.errors import BadDataError
from utils.foreign_text import quoted

if TYPE_CHECKING:
    from pyjobs.market.dumps.meaning.columns import Reading

SPLIT_LEAST = 1.2  # a dividend moves the adjusting ratio by less
DECLARED = ("adjusted", "isadjusted", "수정주가여부", "adjustflag")
"""Columns that say whether the prices are adjusted; of baostock's numbers 3 is raw."""
PAID = ("amount", "成交额", "成交金额", "money", "turnover")
WORTH_FIT = 0.2  # relative: a day's mean price and its close
MOST, FIT = 1000, 0.03
TEN_TIMES = 0.9  # of log10
SUBUNITS = {"GBX": "GBP", "GBp": "GBP", "GBPENCE": "GBP", "ZAc": "ZAR", "ZAC": "ZAR", "ILA": "ILS", "USX": "USD"}
MONEYS = frozenset((
    *("USD", "EUR", "GBP", "JPY", "KRW", "CNY", "HKD", "TWD", "CHF", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "INR"),
    *("BRL", "ZAR", "SGD", "ILS", "TRY", "PLN", "MXN", "THB", "IDR", "MYR", "PHP", "CZK", "HUF", "SAR", "RUB", "RMB"),
))  # fmt: skip


def adjusted_numbers(
    reading: Reading,
    source: DumpSource,
    findings: Findings,
    ohlcv: FloatArray,
    st: Stamps,
    read: Callable[[str], FloatArray],
    complain: Callable[[dict[int, str]], None],
    scale: float,
) -> None:
    """Put `ohlcv` on the basis of the `Adj Close` column when the desk's prices are adjusted; else note that it is not
    used.

    A row without its adjusted close cannot be put there and is wrong.
    """
    place = reading.places["adj_close"]
    if source.instrument.prices != "adjusted":
        values, _ = numbers(reading.grid.columns[place])
        what = f"Adj Close not used (the desk sets `prices: {source.instrument.prices}`)"
        _say(findings, what, reading, values, cleaned=False)
        return
    adjusted = read("adj_close") * scale
    priced = np.isfinite(ohlcv[:, :4]).all(axis=1) & (ohlcv[:, 3] > 0)
    _say(findings, "prices scaled by Adj Close", reading, adjusted, cleaned=True)
    lacking = priced & ~(np.isfinite(adjusted) & (adjusted > 0))
    complain(dict.fromkeys(np.flatnonzero(lacking).tolist(), "the adjusted close is missing"))
    known = priced & ~lacking
    ratio = np.full(len(ohlcv), np.nan)
    ratio[known] = adjusted[known] / ohlcv[known, 3]
    factor = None if "adj_volume" in reading.places else _splits(reading, ratio, ohlcv[:, 3], st)
    ohlcv[known, :4] *= ratio[known, None]
    if "adj_volume" in reading.places:
        ohlcv[:, 4] = read("adj_volume")
        name = reading.name_of("adj_volume")
        findings.say(Finding(what=f"volume taken from {name}", count=len(ohlcv), first="", example=""), cleaned=True)
    if factor is not None:
        ohlcv[:, 4] *= factor
        changed = factor != 1
        what = "volume put into today's shares, as the prices are"
        example = f"times {factor[changed][0]:g}"
        findings.say(Finding(what=what, count=int(changed.sum()), first="", example=example), cleaned=True)


def split_rows(reading: Reading, ohlcv: FloatArray, st: Stamps) -> IntArray:
    """The rows from which on an `Adj Close` column has another relation to the close, ten times or more: a split.

    `ohlcv`: as the file has it, before anything is put on that column's basis.
    """
    if "adj_close" not in reading.places:
        return np.zeros(0, np.int64)
    adjusted, _ = numbers(reading.grid.columns[reading.places["adj_close"]])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log10(adjusted / ohlcv[:, 3])
    rows = np.flatnonzero(np.isfinite(ratio))
    rows = rows[np.argsort(st.ms[rows], kind="stable")]
    return np.asarray(rows[1:][np.abs(np.diff(ratio[rows])) > TEN_TIMES], np.int64)


def in_shares(reading: Reading, source: DumpSource, findings: Findings, ohlcv: FloatArray) -> None:
    """Put volumes that China's data services count in lots of 100 into shares, where the money in the file proves
    it.
    """
    names = [column(name) for name in reading.grid.names or ()]
    place = next((names.index(name) for name in PAID if name in names), None)
    if place is None or not source.hours.market.startswith("XSH") or "volume" in source.instrument.columns:
        return
    paid = numbers(reading.grid.columns[place])[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        worth = paid / ohlcv[:, 4] / ohlcv[:, 3]
    worth = worth[np.isfinite(worth) & (worth > 0)]
    if worth.size and min(abs(np.log(float(np.median(worth)) / each)) for each in (100, 0.1)) < WORTH_FIT:
        ohlcv[:, 4] *= 100  # paid in yuan, or in thousands
        what = "volume counts lots of 100: put into shares"
        example = f"as {(reading.grid.names or [])[place]} shows"
        findings.say(Finding(what=what, count=len(ohlcv), first="", example=example), cleaned=True)


def _say(findings: Findings, what: str, reading: Reading, values: FloatArray, *, cleaned: bool) -> None:
    at = np.flatnonzero(~np.isnan(values))
    if at.size:
        first = reading.grid.cell(int(at[0]), reading.places["time"])
        example = f"{reading.name_of('adj_close')} {values[at[0]]:.10g}"
        findings.say(Finding(what=what, count=at.size, first=first, example=example), cleaned=cleaned)


def _splits(reading: Reading, ratio: FloatArray, close: FloatArray, st: Stamps) -> FloatArray | None:
    """What each row's volume is multiplied by: the splits after it that the raw prices fell by; None without any.

    A split is where the ratio of adjusted to raw close jumps by p:q, as in the file's own column of splits, or as
    the raw close falls by. Where prices are in today's shares already, so are the volumes, and the ratio does not jump.
    """
    if reading.shape is not None and reading.shape.shares == "now":
        return None
    rows = np.flatnonzero(np.isfinite(ratio))
    rows = rows[np.argsort(st.ms[rows], kind="stable")]
    result = None
    if "split" in reading.places:
        result = np.nan_to_num(numbers(reading.grid.columns[reading.places["split"]])[0], nan=1.0)
        result[result <= 0] = 1.0
    factor = np.ones(len(ratio))
    found = False
    for at in range(1, rows.size):
        now, before = rows[at], rows[at - 1]
        jump = ratio[now] / ratio[before]
        if 1 / SPLIT_LEAST < jump < SPLIT_LEAST and (result is None or result[now] == 1.0):
            continue
        size = result[now] if result is not None and result[now] != 1.0 else _nearest(jump)
        fits = abs(jump / size - 1) < 0.2 and abs(close[before] / close[now] / size - 1) < 0.5
        if size != 1.0 and fits and (result is None or result[now] != 1.0):
            factor[rows[:at]] *= size
            found = True
    return factor if found else None


def _nearest(jump: float) -> float:
    """The p:q of small whole numbers that a jump is, or 1."""
    size = max(jump, 1 / jump)
    best = min(
        (p / q for q in range(1, 21) for p in (round(size * q),) if q < p <= MOST), key=lambda r: abs(r / size - 1)
    )
    if abs(best / size - 1) > FIT:
        return 1.0
    return best if jump > 1 else 1 / best


def refuse_other_basis(reading: Reading, source: DumpSource) -> None:
    """Raise BadDataError for a file that declares its prices raw or adjusted, where the desk declares the other.

    Coins and currencies have nothing to adjust, whatever their vendor writes.
    """
    prices, grid = source.instrument.prices, reading.grid
    if source.all_day or source.hours.market == "FX":
        return
    told = {"adjusted": [str(grid.about["adjusted"])]} if "adjusted" in grid.about else {}
    for place, name in enumerate(grid.names or ()):
        if column(name) in DECLARED and len(grid) and place not in reading.places.values():
            told[name] = [str(each) for each in grid.columns[place].cast("string").unique().to_pylist() if each]
    for name, cells in told.items():
        numbered = column(name) == "adjustflag"
        yes, no = (("1", "2"), ("3",)) if numbered else (YES, NO)
        found = {True if each in yes else False if each in no else None for each in (c.strip().lower() for c in cells)}
        own = reading.shape.adjusted if reading.shape else ""
        if prices == "raw" and True in found:
            what, cure = "adjusted", "`prices: adjusted`, or `prices: split` where only splits are worked in"
            cure = f"`prices: {own}`, as this vendor adjusts for splits alone" if own else cure
        elif prices == "adjusted" and own and found == {True}:
            what = f"adjusted for splits, not for dividends: `prices: {own}` is what they are"
            reading.said.append(Finding(what=what, count=len(grid), first="", example=f"{name}: {cells[0]}"))
            continue
        elif prices != "raw" and found == {False} and "adj_close" not in reading.places:
            what, cure = "raw", "`prices: raw`"
        else:
            continue
        said = f"it declares its prices {what} ({quoted(name, 40)}: {quoted(cells[0], 20)}), the desk {prices}"
        raise BadDataError(f"{grid.label}: {said}: set {cure}, or bring the file that the desk expects")


def refuse_other_money(reading: Reading, source: DumpSource) -> None:
    """Raise BadDataError for prices in another currency than the desk's, or in several; `scale` puts pence right."""
    instrument = source.instrument
    if not instrument.currency or pair_of(instrument.symbol.upper()) or instrument.columns.get("currency") == "":
        return
    grid, told = reading.grid, [str(reading.grid.about.get("currency", ""))]
    if "currency" in reading.places:
        cells = grid.columns[reading.places["currency"]].cast("string").unique().to_pylist()
        told += [str(cell).strip() for cell in cells if cell]
    for each in told:
        whole = SUBUNITS.get(each, "")
        if whole and instrument.scale != 1:
            continue
        if not whole and (
            each.upper() not in MONEYS or each.upper().replace("RMB", "CNY") == instrument.currency.upper()
        ):
            continue
        cure = "`scale: 0.01` makes them whole" if whole else f"set `currency: {each.upper()}` where that is right"
        what = f"its prices are in {quoted(each, 20)}, the desk's in {instrument.currency}: {cure}"
        raise BadDataError(f"{grid.label}: {what}; `columns: {{currency: ''}}` lets the file's word go")
