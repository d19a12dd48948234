"""A strategy of the user's own that looks ahead earns what is impossible: it is refused, or its result is marked.

Those of the library are tested. Told is what the battery finds on the bars that are about to be backtested, the newest
of the longest series that it answers for: at every one of them, with only the bars it may see. `check_strategy` looks
at more than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from pyjobs.market.bars import Bars
from pyjobs.strategy.registry import REGISTRY
from pyjobs.strategy.signals import Setup
from utils.errors import BadDataError, StrategyError

LOOKED_AT = 400  # bars, without those that the first of them looks back on
ALLOW = "--despite-look-ahead"


def findings(name: str, setup: Setup, series: Iterable[Bars]) -> list[str]:
    """What the battery finds: looking ahead, or back on more than its lookback; nothing for the library's own.

    Nothing either where it raises on every series: what runs it names that.
    """
    if not REGISTRY.is_own(name):
        return []
    bars = _answered(setup, series)
    if bars is None:
        return []
    from pyjobs.strategy import battery  # for a user's own strategies only, and a scan waits for each import

    checks = (battery.looks_ahead, battery.depends_on_the_start)
    return [what for check in checks for what in battery.problems(check, setup, bars)]


def _answered(setup: Setup, series: Iterable[Bars]) -> Bars | None:
    """The newest bars of the longest series on which it does not raise; shorter ones are too few to trade on."""
    wanted = 2 * setup.lookback
    for each in sorted((each for each in series if len(each) >= wanted), key=len, reverse=True):
        bars = each.slice(max(0, len(each) - wanted - LOOKED_AT), len(each))
        with suppress(StrategyError, BadDataError):
            setup.signals(bars)
            return bars
    return None


def refuse_or_warn(name: str, setup: Setup, series: Iterable[Bars], *, allowed: bool) -> list[str]:
    """The lines that label a result that was asked for all the same. Raises BadDataError where it was not."""
    found = findings(name, setup, series)
    if found and not allowed:
        raise BadDataError(
            f"strategy {name}: {'; '.join(found)}. It cannot be traded. Mend it (check_strategy {name} says "
            f"more), or see its figures all the same with {ALLOW}"
        )
    return [f"[WARN] strategy {name} cannot be traded, its figures mean nothing: {what}" for what in found]
