"""What came of entries, each taken alone, as records: what the tests of the kernel are written in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import KernelInput, Outcome, Rules, State, Trade, followed


def mark(state: State, ts_ms: int, close: float) -> Trade | None:
    """The position as a trade marked to `close`, reason `open`; None when there is no position."""
    if state.phase not in ("open", "exiting"):
        return None
    s, out = state.vector(), [0.0] * kernel.TRADE
    kernel.leave(s, out, 0, float(ts_ms), close, kernel.STILL_OPEN)
    return Trade.of(out)


def follow(inputs: KernelInput, triggers: Sequence[int], rules: Rules) -> list[tuple[Outcome, Trade | None]]:
    """What came of the entry signalled at each of the bars `triggers`, each taken alone.

    `closed` with its trade; `open`, marked to the last close; `dropped` at the open; `pending`: no bar came after it.
    """
    return [_outcome(row) for row in followed(inputs, np.array(triggers, np.int64), rules).tolist()]


def _outcome(row: Sequence[float]) -> tuple[Outcome, Trade | None]:
    (ended, side, order), trade = row[:3], row[3:]
    if ended:
        return "closed", Trade.of(trade)
    if side:
        return "open", Trade.of(trade)
    return ("pending" if order else "dropped"), None
