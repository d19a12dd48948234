"""How long a provider is left alone after a failure."""

from __future__ import annotations

from collections.abc import Callable

from utils.errors import ExternalDataUnavailable, ExternalKind

DAY_S = 86_400.0
BAN_S = DAY_S + 300.0  # a ban of a day has ended by then
FIXED_S: dict[ExternalKind, float] = {"blocked": BAN_S, "auth": DAY_S / 4, "schema": DAY_S / 24}
BACKOFF_S: dict[ExternalKind, tuple[float, float]] = {
    "outage": (2.0, 300.0),
    "timeout": (2.0, 300.0),
    "network": (2.0, 300.0),
}
LIMIT_FLOOR_S = 60.0  # a rate limit without a time; the first full window of every provider we know


def cooldown_after(
    error: ExternalDataUnavailable, failures: int, *, repeated: bool, jitter: Callable[[], float]
) -> float:
    """Seconds to leave a provider alone after its `failures`-th failure in a row.

    `repeated`: the one before was of the same kind, and it was left alone for a minute or more after that.
    Its own time (Retry-After) counts; a block lasts a day at least. A second rate limit in a row without a
    Retry-After, after a minute's rest, is taken for a ban. Outages back off exponentially with full jitter, capped.
    """
    found = getattr(error, "retry_after_s", None)
    if error.kind in FIXED_S and found != 0:
        return max(FIXED_S[error.kind], found or 0.0)
    if found is not None:
        return float(found)
    if error.kind == "rate_limit":
        return BAN_S if repeated else LIMIT_FLOOR_S * (1 + jitter())
    base_s, cap_s = BACKOFF_S.get(error.kind, (0.0, 0.0))
    return min(cap_s, base_s * 2.0 ** min(failures - 1, 30)) * jitter()
