"""How many requests a minute a provider takes: learned from its own refusals, kept for all jobs of the machine.

Published limits differ from what is enforced (Bitfinex: 10 to 90 a minute by the page, ccxt takes 89, users are refused
below that), so none is assumed: no request waits before a provider has refused. A rate limit after n requests within a
minute shows that n was too many: from then on 0.9 n are asked a minute, the first of them without a pause, and a tenth
more for each day without another refusal. `<folder>/<rate_limit_group>.pace` next to the provider's state; lost,
it is learned again.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.base import NotAsked
from utils.errors import ExternalDataUnavailable
from utils.files import os_files
from utils.files.atomic import temporary_beside

if TYPE_CHECKING:
    from pathlib import Path

    from pyjobs.market.providers.asking.retry_budget import RetryBudget

MINUTE_S, DAY_S = 60.0, 86_400.0
MOST = 1_000  # more in a minute are not remembered
BELOW, A_DAY = 0.9, 1.1
FEWEST = 10  # refused after fewer: that is no limit a minute, but a ban for something else


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """When requests were made in the last sixty seconds: `times`, UTC seconds, in order, at most MOST of them.

    `limit` requests a minute was learned at `learned_s`; 0: nothing was.
    """

    times: tuple[float, ...] = ()
    limit: float = 0.0
    learned_s: float = 0.0

    def with_more(self, requests: int, now_s: float) -> Pace:
        """The pace after so many requests at `now_s`. Times ahead of a clock that was set back are dropped."""
        recent = (*(at for at in self.times if now_s - MINUTE_S < at <= now_s), *[now_s] * requests)
        return msgspec.structs.replace(self, times=recent[-MOST:])

    def allowed(self, now_s: float) -> int:
        """Requests in any minute, as it is now; MOST while nothing has been learned."""
        days = min(max((now_s - self.learned_s) // DAY_S, 0.0), 60.0)
        return min(int(self.limit * A_DAY**days), MOST) if self.limit else MOST

    def wait_s(self, now_s: float) -> float:
        """Seconds until another request is within the limit."""
        recent, allowed = self.with_more(0, now_s).times, self.allowed(now_s)
        if len(recent) < allowed or not self.limit:
            return 0.0
        return recent[-allowed] + MINUTE_S - now_s


def wait(provider: str, rate_limit_group: str, symbol: str, states: ProviderStates, budget: RetryBudget) -> None:
    """Sleep until another request is within what the provider takes. Raises NotAsked when that is past the deadline."""
    known, now_s = _read(_path(rate_limit_group, states)), budget.now()
    wait_s = known.wait_s(now_s)
    if not wait_s:
        return
    ends_s, limit = now_s + wait_s, known.allowed(now_s)
    why = f"it takes {limit} requests a minute (learned from its refusal), and they have been made"
    if budget.skip_unhealthy or ends_s >= budget.deadline_s or ends_s >= budget.next_start():
        raise NotAsked("rate_limit", provider=provider, symbol=symbol, detail=f"not asked for {wait_s:.0f} s: {why}")
    budget.say(f"{rate_limit_group}: waiting {wait_s:.0f} s: {why}")
    budget.sleep(wait_s)


def count(
    rate_limit_group: str,
    requests: int,
    states: ProviderStates,
    budget: RetryBudget,
    failure: ExternalDataUnavailable | None,
) -> None:
    """Note, in one's turn, that so many requests were made; a rate limit is learned from."""
    path, now_s = _path(rate_limit_group, states), budget.now()
    seen = _read(path).with_more(requests, now_s)
    if failure is not None and failure.kind == "rate_limit":
        made = len(seen.times)
        if made >= FEWEST:
            limit = float(max(min(int(BELOW * (made - 1)), seen.allowed(now_s)), FEWEST))
            seen = msgspec.structs.replace(seen, limit=limit, learned_s=now_s)
    temporary = temporary_beside(path)
    try:
        temporary.write_bytes(msgspec.json.encode(seen))  # not synced: what a power cut takes is learned again
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from None


def gap_s(rate_limit_group: str, states: ProviderStates, now_s: float) -> float:
    """Seconds between two requests at the pace that has been learned; 0 without one."""
    known = _read(_path(rate_limit_group, states))
    return MINUTE_S / known.allowed(now_s) if known.limit else 0.0


def _path(rate_limit_group: str, states: ProviderStates) -> Path:
    return states.path(rate_limit_group).with_suffix(".pace")


def _read(path: Path) -> Pace:
    try:
        return msgspec.json.decode(os_files.held_bytes(path), type=Pace)
    except (FileNotFoundError, msgspec.MsgspecError, RecursionError):
        return Pace()
