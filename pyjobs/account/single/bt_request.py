"""A backtest as it is asked for on a command line: text turned into bars, a strategy and money, or refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from pyjobs.account.single import engine
from pyjobs.account.single.engine import Money, Result
from pyjobs.account.single.look_ahead import refuse_or_warn
from pyjobs.market.bars import Bars
from pyjobs.market.cache.bar_file import read_bar_file
from pyjobs.market.cache.release import one_at_a_time
from pyjobs.strategy.lifecycle import Semantics
from pyjobs.strategy.registry import bound, decides_from_ms, make_setup, needs
from pyjobs.strategy.signals import Setup
from utils.cli import date_of, name_and_value, value_of
from utils.errors import BadDataError, ConfigError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked: `params` as `key=value`, no `symbols` for all, days as YYYY-MM-DD (UTC, both included)."""

    bars: Path
    strategy: str
    params: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    fee_bps: float = 0.0
    cash: float = 1_000_000.0
    semantics: Semantics = "own"
    cache: bool = True
    despite_look_ahead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """A run without its strategy: the series to trade, the index some strategies follow, money, the start."""

    series: dict[str, Bars]
    index: Bars | None
    money: Money
    start_ms: int | None

    def with_index(self, setup: Setup) -> Setup:
        """`setup`, given the index when it needs one."""
        return setup if self.index is None else bound(setup, self.index)


def backtest(request: Request) -> Result | None:
    """The run; None, with the skip line printed, when the index the strategy follows is not in the file.

    Raises UsageError for a wrong command line, BadDataError for bars that cannot be used or a window without any.
    """
    setup = strategy_of(request.strategy, parameters(request.params))
    material = material_of(request, needs(setup))
    if material is None:
        return None
    warn_of_short(material.series, setup)
    setup = material.with_index(setup)
    warn_of_index(setup, material)
    warn_of_look_ahead(request, setup, material)
    return engine.run(
        material.series,
        setup,
        money=material.money,
        semantics=request.semantics,
        start_ms=material.start_ms,
    )


def material_of(request: Request, index: str | None) -> Material | None:
    """Everything read and checked; None, with the skip line printed, when `index` is asked for and is not there."""
    money, (start_ms, end_ms) = money_of(request), window_of(request.start, request.end)
    series = read_bar_file(request.bars, cache=request.cache)
    if index and index not in series:
        print(f"[SKIP] required benchmark unavailable: {index} (no such symbol in {request.bars})")
        return None
    wanted = request.symbols or [symbol for symbol in series if symbol != index]
    unknown = [symbol for symbol in wanted if symbol not in series]
    if unknown:
        raise UsageError(f"--symbols: {request.bars} has no {', '.join(unknown)}")
    traded = {symbol: series[symbol] for symbol in wanted}
    if end_ms is not None:
        traded = {symbol: bars.until(end_ms) for symbol, bars in one_at_a_time(traded.items(), itemgetter(1))}
    refuse_empty(request, traded, series, start_ms)
    return Material(series=traded, index=series[index] if index else None, money=money, start_ms=start_ms)


def strategy_of(name: str, params: Mapping[str, int | float | str], *, source: str = "--strategy, --param") -> Setup:
    """`make_setup` for a command line: an error of the strategy is wrong usage."""
    try:
        return make_setup(name, params, source=source, of_desk=False)
    except ConfigError as error:
        raise UsageError(str(error)) from None


def parameters(texts: Iterable[str]) -> dict[str, int | float | str]:
    """`name=value` texts as a mapping. Raises UsageError for anything else, and for a name that is given twice."""
    found: dict[str, int | float | str] = {}
    for key, value in map(parameter, texts):
        if key in found:
            raise UsageError(f"--param {key} is given twice: {key}={found[key]} and {key}={value}")
        found[key] = value
    return found


def parameter(text: str) -> tuple[str, int | float | str]:
    """`fast=10` as (fast, 10): a number when it reads as one."""
    name, value = name_and_value(text, "--param")
    return name, value_of(value)


def money_of(request: Request) -> Money:
    """Cash and fees, refused when they cannot be."""
    if not 0 < request.cash < float("inf"):
        raise UsageError(f"--cash {request.cash} is not an amount above zero")
    if not 0 <= request.fee_bps < 10_000:
        raise UsageError(f"--fee-bps {request.fee_bps} is not within 0..10000")
    return Money(cash=request.cash, fee_bps=request.fee_bps)


def window_of(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """(first, last) `ts_ms` of the bars that close on those UTC days; midnight belongs to the day it ends."""
    first, last = _day_ms("--start", start), _day_ms("--end", end)
    if first is not None and last is not None and last < first:
        raise UsageError(f"--end {end} is before --start {start}")
    return None if first is None else first + 1, None if last is None else last + 86_400_000


def refuse_empty(request: Request, traded: dict[str, Bars], known: dict[str, Bars], start_ms: int | None) -> None:
    """Raise BadDataError when no bar of `traded` lies in the window."""
    if not any(len(bars) and (start_ms is None or bars.ts_ms[-1] >= start_ms) for bars in traded.values()):
        first, last = (edge(int(bars.ts_ms[i]) for bars in known.values()) for edge, i in ((min, 0), (max, -1)))
        raise BadDataError(
            f"{request.bars}: no bar from {request.start or 'the beginning'} to {request.end or 'the end'}; "
            f"it has {_day(first)} to {_day(last)}"
        )


def warn_of_short(series: dict[str, Bars], setup: Setup) -> None:
    """Say which series have too few bars to be decided at all, as long as others have enough."""
    short = [f"{symbol} ({len(bars)})" for symbol, bars in series.items() if len(bars) < setup.lookback]
    if 0 < len(short) < len(series):
        named = ", ".join(short[:5]) + (" …" if len(short) > 5 else "")
        print(f"[WARN] {len(short)} of {len(series)} symbols never trade: {setup.lookback} bars are needed: {named}")


def warn_of_index(setup: Setup, material: Material) -> None:
    """Say when the index a strategy follows has no day in common with what is traded, or begins too late."""
    if material.index is None:
        return
    name, index, known_ms = needs(setup), material.index, decides_from_ms(setup)
    traded = [bars.ts_ms for bars in material.series.values() if len(bars)]
    if known_ms is None or known_ms > max(int(ts_ms[-1]) for ts_ms in traded):
        print(f"[WARN] {name} has only {len(index)} bars, too few for its moving average: the strategy never trades")
    elif index.ts_ms[-1] < min(int(ts_ms[0]) for ts_ms in traded):
        print(
            f"[WARN] {name} ends on {_day(int(index.ts_ms[-1]))}, before the first bar; "
            "its last close is used throughout"
        )


def warn_of_look_ahead(request: Request, setup: Setup, material: Material) -> None:
    """Say that a strategy looks ahead where that was allowed. Raises BadDataError where not."""
    found = refuse_or_warn(
        request.strategy, setup, material.series.values(), allowed=request.despite_look_ahead
    )  # fmt: skip
    print("".join(f"{line}\n" for line in found), end="")


def _day(ts_ms: int) -> dt.date:
    """The UTC day that a bar closing then belongs to."""
    return dt.datetime.fromtimestamp((ts_ms - 1) / 1000, dt.UTC).date()


def _day_ms(flag: str, text: str | None) -> int | None:
    if text is None:
        return None
    day = date_of(text, flag)
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1000)
