"""A strategy of the user's own that looks ahead earns what is impossible: it is refused, or its result is marked.

Those of the library are tested. Told is what the battery finds on the bars that are about to be backtested, the newest
of the longest series: at every one of them, with only the bars it may see. `check_strategy` looks at more than that.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyjobs.market.bars import Bars
from pyjobs.strategy.registry import REGISTRY
from pyjobs.strategy.signals import Setup
from utils.errors import BadDataError

LOOKED_AT = 400  # bars, without those that the first of them looks back on
ALLOW = "--despite-look-ahead"


def findings(name: str, setup: Setup, series: Iterable[Bars]) -> list[str]:
    """What the battery finds: looking ahead, or back on more than its lookback; nothing for the library's own."""
    if not REGISTRY.is_own(name):
        return []
    longest = max(series, key=len, default=None)
    if longest is None or len(longest) < 2 * setup.lookback:
        return []  # too few to trade on, or nearly so
    from pyjobs.strategy import battery  # for a user's own strategies only, and a scan waits for each import

    bars = longest.slice(max(0, len(longest) - 2 * setup.lookback - LOOKED_AT), len(longest))
    checks = (battery.looks_ahead, battery.depends_on_the_start)
    return [what for check in checks for what in battery.problems(check, setup, bars)]


def refuse_or_warn(name: str, setup: Setup, series: Iterable[Bars], *, allowed: bool) -> list[str]:
    """The lines that label a result that was asked for all the same. Raises BadDataError where it was not."""
    found = findings(name, setup, series)
    if found and not allowed:
        raise BadDataError(
            f"strategy {name}: {'; '.join(found)}. It cannot be traded. Mend it (check_strategy {name} says "
            f"more), or see its figures all the same with {ALLOW}"
        )
    return [f"[WARN] strategy {name} cannot be traded, its figures mean nothing: {what}" for what in found]
