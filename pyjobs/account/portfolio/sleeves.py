"""From a desk's snapshot to the sleeves of an account: what it trades, at which costs, and what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from pyjobs.account.portfolio import krx
from pyjobs.account.portfolio.aligned_bars import aligned_bars_of
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.fx import Conversion, conversion, rates_of
from pyjobs.account.portfolio.krx import Grid
from pyjobs.account.portfolio.signals.of_series import Failed, Named, packed_signals_of
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.account.portfolio.strategy_errors import StrategyErrors, worded
from pyjobs.market.bars import Bars
from pyjobs.market.cache.release import one_at_a_time
from pyjobs.market.desk.desk_file import Account, Instrument
from pyjobs.market.desk.snapshot import Series, Snapshot, session_of
from pyjobs.strategy.signals import Setup
from utils import trading_day
from utils.errors import found_in

WHOLE_SHARE = 1.0
COIN_LOT = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sleeves:
    """A sleeve per setup, side and tradable series; what is left out, and since when what comes in later, with why."""

    sleeves: list[Sleeve]
    left_out: list[dict[str, str]]


def sleeves_of(
    snapshot: Snapshot,
    account: Account,
    setups: Mapping[str, Setup],
    *,
    second_core: bool = False,
    strategy_errors: StrategyErrors | None = None,
) -> Sleeves:
    """Everything the account trades of the desk. `second_core`: half of the signals may be made in another process.

    A setup that raises on a series is left out there and reported to `strategy_errors`, where that is given; else the
    exception is raised.
    """
    left_out, wanted = [], {}
    converted: dict[int, Conversion | None] = {}
    traded = [series for series in snapshot.series if _is_traded(series.instrument, account)]
    for number, series in enumerate(traded):
        instrument = series.instrument
        short = [name for name, setup in setups.items() if len(series.bars) < setup.lookback]
        if short:
            why = f"{len(series.bars)} bars are too few for {', '.join(short)}"
            why = why if len(series.bars) else f"cannot be read: {series.fault}" if series.fault else "no bars"
            left_out.append(_left(instrument, why))
        known = {name: setup for name, setup in setups.items() if name not in short}
        warm_up = min((setup.lookback for setup in known.values()), default=0)
        money, why = _converted(snapshot, account, series, warm_up)
        if why:
            left_out.append(_left(instrument, why))
        if money is not None or instrument.currency == account.currency:
            wanted[number], converted[number] = known, money
    aligned = aligned_bars_of(tuple(series.bars for series in traded), shared=second_core)
    failed: Failed = {}
    made = packed_signals_of(aligned, wanted, second_core=second_core, failed=failed)
    for number, errors in failed.items():
        instrument = traded[number].instrument
        left_out += [_left(instrument, f"{name} cannot be decided: {worded(error)}") for name, error in errors.items()]
        if strategy_errors is None:
            with found_in(str(instrument.key)):
                raise next(iter(errors.values()))
        strategy_errors.add(instrument, errors)
    grids: dict[tuple[str, str, str], Grid] = {}
    sleeves = []
    for number, named in one_at_a_time(made.items(), lambda each: traded[each[0]].bars, for_good=True):
        instrument = traded[number].instrument
        alike = instrument.market, f"{instrument.kind} {instrument.prices}", instrument.currency
        grid = grids[alike] = grids[alike] if alike in grids else grid_of(account, instrument)
        sleeves += _sleeves_on(traded[number], aligned.bars(number), account, named, converted[number], grid)
    return Sleeves(sleeves=sleeves, left_out=left_out)


def _is_traded(instrument: Instrument, account: Account) -> bool:
    return instrument.role == "trade" and instrument.currency in (account.currency, *account.trades)


def _sleeves_on(
    series: Series, bars: Bars, account: Account, made: Named, money: Conversion | None, grid: Grid
) -> list[Sleeve]:
    instrument = series.instrument
    lot, taxed = lot_of(series), is_taxed(account, instrument)
    return [
        Sleeve(
            key=instrument.key,
            setup=name,
            bars=bars,
            signals=packed,
            lot=lot,
            group=instrument.group,
            currency=instrument.currency,
            grid=grid,
            taxed=taxed,
            conversion=money,
        )
        for name, packed in made
    ]


def _converted(snapshot: Snapshot, account: Account, series: Series, warm_up: int) -> tuple[Conversion | None, str]:
    """How the series is converted (None: not at all, or not possible), and the line about that."""
    instrument, bars = series.instrument, series.bars
    if instrument.currency == account.currency or not warm_up:
        return None, ""
    rates = rates_of(snapshot, of=instrument.currency, into=account.currency)
    if isinstance(rates, str):
        return None, rates
    market = next(each.instrument.market for each in snapshot.series if each.instrument.key == rates.key)
    begins_ms = int(rates.ts_ms[0])
    begins = f"{rates.key.symbol} begins on {session_of(market)(begins_ms)}"
    if begins_ms > bars.ts_ms[-1]:
        return None, f"{begins}, after its last bar"
    late = begins_ms > bars.ts_ms[warm_up - 1]
    return conversion(rates, series), f"not traded before there is a rate: {begins}" if late else ""


def _left(instrument: Instrument, why: str) -> dict[str, str]:
    return {"symbol": instrument.symbol, "timeframe": instrument.timeframe, "why": why}


def behind(snapshot: Snapshot, sleeves: Sequence[Sleeve]) -> list[dict[str, str]]:
    """The series traded, or converted by, whose bars end before the session: their last close is used."""
    used = {sleeve.key for sleeve in sleeves} | {sleeve.conversion.rates.key for sleeve in sleeves if sleeve.conversion}
    return [
        {
            "symbol": series.instrument.symbol,
            "timeframe": series.instrument.timeframe,
            "last_session": str(series.last_session),
        }
        for series in snapshot.series
        if series.stale and series.instrument.key in used
    ]


def first_decision_ms(sleeves: Sequence[Sleeve], setups: Mapping[str, Setup]) -> int | None:
    """The first close at which a sleeve's setup has all the bars it looks back on, and a rate; None without sleeves."""
    firsts: dict[int, tuple[Bars, int]] = {}  # of each series once: all setups share its bars
    for sleeve in sleeves:
        first = setups[sleeve.setup].lookback - 1
        if sleeve.conversion:
            first = max(first, int(np.searchsorted(sleeve.bars.ts_ms, sleeve.conversion.rates.ts_ms[0])))
        known = firsts.get(id(sleeve.bars))
        if known is None or first < known[1]:
            firsts[id(sleeve.bars)] = sleeve.bars, first
    found = []
    for bars, first in one_at_a_time(firsts.values(), itemgetter(0)):
        first = min(first, len(bars) - 1)
        found.append(bars.slice(first, first + 1).last_ms)  # not the column: there are thousands
    return min(found, default=None)


def lot_of(series: Series) -> float:
    """The least quantity that trades: the desk's, else whole shares where a market has sessions, 1e-8 of a coin."""
    if series.instrument.lot:
        return series.instrument.lot
    return COIN_LOT if series.instrument.market == "24/7" else WHOLE_SHARE


def costs_of(account: Account) -> Costs:
    """What the account's fills cost; with the rules of KRX the sale's tax is that of its day."""
    return Costs(
        fee_bps=account.fee_bps,
        sell_tax_bps=account.sell_tax_bps,
        sell_tax_by_time=krx.sell_tax_by_time(trading_day.load("XKRX")) if account.rules == "KRX" else (),
        slippage_bps=account.slippage_bps,
        borrow_bps=account.borrow_bps,
        fx_bps=account.fx_bps,
    )


def costs_on(account: Account, instrument: Instrument) -> Costs:
    """The costs of one instrument's fills, by its currency and its kind."""
    converted = instrument.currency != account.currency
    return costs_of(account).on(taxed=is_taxed(account, instrument), converted=converted)


def is_taxed(account: Account, instrument: Instrument) -> bool:
    """The tax on sales is for shares at home."""
    return instrument.currency == account.currency and instrument.kind != "etf"


def grid_of(account: Account, instrument: Instrument) -> Grid:
    """The tick grid of the account's rules; none for prices that were never traded, and none abroad."""
    if account.rules != "KRX" or instrument.prices != "raw" or instrument.currency != account.currency:
        return ()
    return krx.by_time(krx.ETF_TICKS if instrument.kind == "etf" else krx.TICKS, session_of(instrument.market))
