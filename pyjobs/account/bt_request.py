"""A backtest as it is asked for on a command line: text turned into bars, a strategy and money, or refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pyjobs.account import engine
from pyjobs.account.engine import Money, Result
from pyjobs.market.bar_file import read_bar_file
from pyjobs.market.bars import Bars
from pyjobs.strategy.lifecycle import Semantics
from pyjobs.strategy.registry import bound, make_setup, needs
from pyjobs.strategy.signals import Setup
from utils.errors import BadDataError, ConfigError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked: `params` as `key=value`, days as YYYY-MM-DD (UTC, both included)."""

    bars: Path
    strategy: str
    params: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    fee_bps: float = 0.0
    cash: float = 1_000_000.0
    semantics: Semantics = "own"
    cache: bool = True


def backtest(request: Request) -> Result | None:
    """The run; None, with the skip line printed, when the index the strategy follows is not in the file.

    Raises UsageError for a wrong command line, BadDataError for bars that cannot be used or a window without any.
    """
    setup = strategy_of(request.strategy, request.params)
    money, (start_ms, end_ms) = money_of(request), window_of(request.start, request.end)
    series = read_bar_file(request.bars, cache=request.cache)
    index = needs(setup)
    if index:
        if index not in series:
            print(f"[SKIP] required benchmark unavailable: {index} (no such symbol in {request.bars})")
            return None
        setup = bound(setup, series[index])
        series = {symbol: bars for symbol, bars in series.items() if symbol != index}
    series = {symbol: bars if end_ms is None else bars.until(end_ms) for symbol, bars in series.items()}
    refuse_empty(request, series, start_ms)
    return engine.run(series, setup, money=money, semantics=request.semantics, start_ms=start_ms)


def strategy_of(name: str, params: Iterable[str]) -> Setup:
    """The strategy `name` with `key=value` parameters; what is wrong with them is wrong usage."""
    try:
        return make_setup(name, dict(map(parameter, params)), source="--strategy, --param")
    except ConfigError as error:
        raise UsageError(str(error).replace("setups.", "").replace("setup", "strategy")) from None


def parameter(text: str) -> tuple[str, int | float | str]:
    """`fast=10` as (fast, 10): a number when it reads as one."""
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise UsageError(f"--param {text!r} is not key=value")
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value


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


def refuse_empty(request: Request, series: dict[str, Bars], start_ms: int | None) -> None:
    """Raise BadDataError when no bar lies in the window."""
    if not any(len(bars) and (start_ms is None or bars.ts_ms[-1] >= start_ms) for bars in series.values()):
        raise BadDataError(
            f"{request.bars}: no bar from {request.start or 'the beginning'} to {request.end or 'the end'}"
        )


def _day_ms(flag: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{flag} {text!r} is not a date (YYYY-MM-DD)") from None
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1000)
