"""The columns of the journal, and every word in them: one table for journal, trades and runbook."""

from __future__ import annotations

DECISIONS = (
    *("exchange", "symbol", "timeframe", "ts_ms", "action", "reason", "before", "after", "state"),
    *("strategy", "fingerprint", "trades", "cash", "quantity", "equity", "day_equity", "bar"),
    *("late", "blocked_by", "risk", "code", "decided_at", "checksum"),
)
DETERMINISTIC = 17  # the first so many follow from the bars, `late` and `blocked_by` alone
COMPARED = 9  # and so many are a backtest's too, where nothing was late or blocked
BARS = ("exchange", "symbol", "timeframe", "ts_ms", "open", "high", "low", "close", "volume", "kind", "checksum")
TRADES = (
    *("exchange", "symbol", "timeframe", "ts_ms", "number", "side", "signal_ts_ms", "entry_ts_ms", "entry_price"),
    *("stop", "exit_price", "reason", "bars_held", "quantity", "return", "decided_at", "checksum"),
)
EVENTS = ("exchange", "symbol", "timeframe", "ts_ms", "kind", "detail", "at", "checksum")
TS_MS = 3  # its column in each of them

WARM_UP, DECIDED = "warm_up", "decided"  # kinds of a bar; `decided:0.02`: and all prices before it count times 0.02

REASONS = {
    "stop_hit": "out at the stop; live at its price, in a backtest at the open where that had jumped over it",
    "target": "out at the target",
    "signal": "out at the open, because the strategy's exit signal came at the close before",
    "time": "out at the open, after `max_bars` closes",
    "kill": "out at the open, because a person flattened",
    "filled": "in at the open",
    "dropped": "an entry that would have filled at or beyond its own stop",
    "not_enough_bars": "fewer bars are known than the strategy looks back on",
    "cadence_failed": "a gap of more than `max_gap_bars` lies within what the strategy looks back on",
    "features_invalid": "a stop, target or trailing distance of the strategy has no value",
    "entry_signal": "ordered in, for the next open",
    "exit_signal": "ordered out, for the next open",
    "time_limit": "ordered out, for the next open, after `max_bars` closes",
    "kill_order": "ordered out, for the next open, by a person",
    "holding": "in, and nothing happened",
    "no_signal": "out, and nothing happened",
}
SKIPS = ("not_enough_bars", "cadence_failed", "features_invalid")
ACTIONS = {
    "skip": "no entry could be decided",
    "none": "stay out",
    "hold": "stay in",
    "enter_long": "in at the next open",
    "enter_short": "in at the next open",
    "exit": "out at the next open",
    "reverse_long": "out of the short and into a long at the next open",
    "reverse_short": "out of the long and into a short at the next open",
}
BLOCKED = {
    "late": "the bar came with two newer ones or more: its next open had passed",
    "fetch_failed": "late, because the provider could not be asked",
    "persist_failed": "the bar could not be stored under data/raw",
    "kill": "the kill switch was on; an entry ordered before it was not filled",
    "flatten": "and what was open was ordered out",
    "no_cash": "the paper money is gone",
    "limit_symbol": "`notional_per_symbol` would have been passed",
    "limit_all": "`notional` would have been passed",
    "limit_open": "`open_positions` would have been passed",
    "limit_day_loss": "`day_loss` has been reached",
    "limits_unreadable": "another loop's last row could not be read, or its turn did not end: the totals are not known",
}
EVENT_KINDS = {
    "begun": "the first bar that was decided: a journal that has it no longer has lost its beginning",
    "start": "a start after anything but a clean end of the step before",
    "repaired": "what a kill or a lost sync had left was set right",
    "revised": "the provider now has other numbers for a bar that was decided on",
    "old_bar": "a bar came that is older than the last decided one",
    "split": "from here on state, stop and older bars count times that factor: a split, an issue, a re-based series",
    "fetch_failed": "nothing came, and since when",
    "fetch_ok": "bars came again",
    "kill": "the kill switch is on, and why",
    "released": "it is off again",
    "code_changed": "the code that decides is another one from here on",
}
EXIT_NAMES = ("", "signal", "stop_hit", "stop_hit", "time", "target", "kill")  # by the kernel's numbers


def blocks(blocked_by: str) -> frozenset[str]:
    """The words of a `blocked_by` cell that are a person's, a limit's or a provider's doing: what is a record."""
    return frozenset(blocked_by.split("+")) & BLOCKED.keys()


def kind_of(kind: str, factor: float) -> str:
    """The `kind` cell of a bar before which prices were times 1 / `factor`."""
    return kind if factor == 1.0 else f"{kind}:{factor!r}"


def factor_in(kind: str) -> float:
    """The factor of a `kind` cell, 1 where it has none. Raises ValueError."""
    _, colon, text = kind.partition(":")
    return float(text) if colon else 1.0
