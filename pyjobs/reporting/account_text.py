"""An account's backtest for a terminal: with its limits and without, side by side."""

from __future__ import annotations

from pyjobs.account.desk.backtest import AccountResult, Variant
from pyjobs.reporting import numbers
from pyjobs.reporting.account_figures import FIGURES, Show, marked, ruined, short_window
from utils.tables import Column, text_table

BESIDE_MARKET: tuple[tuple[str, str, Show], ...] = (
    ("last 180 days", "return_180d", numbers.change),
    ("beta", "beta", numbers.decimal(2)),
    ("alpha", "alpha", numbers.change),
    ("benchmark", "benchmark_return", numbers.change),
)


def heading(name: str, result: AccountResult) -> str:
    """Which account, in what money, over which sessions, and without which instruments."""
    metrics = next(iter(result.variants.values())).metrics
    span = f"{metrics['start']} to {metrics['end']}" if metrics["start"] else "no session to trade in"
    since = metrics["benchmark_start"]
    lines = [f"account {name} ({metrics['currency']}), {span}"]
    if since and since != metrics["start"]:
        lines.append(f"alpha, beta and benchmark: from {since} on")
    notes = metrics["notes"]
    lines += map(str, notes) if isinstance(notes, list) else []
    for key, what in (("left_out", "why"), ("behind", "last_session")):
        noted = metrics[key]
        if isinstance(noted, list):
            lines += [f"{key.replace('_', ' ')}: {each['symbol']} {each['timeframe']}: {each[what]}" for each in noted]
    if metrics["short"]:
        lines.append(
            short_window(len(next(iter(result.variants.values())).curve), float(str(metrics["sessions_per_year"])))
        )
    lines += [ruined(f"{name} {each}", b.metrics["ruin"]) for each, b in result.variants.items() if b.metrics["ruin"]]
    return "\n".join(lines)


def figures_table(result: AccountResult) -> str:
    """The variants side by side."""
    columns = [Column(""), *(Column(name, right=True) for name in result.variants)]
    shown = (*FIGURES, *BESIDE_MARKET)
    rows = [
        [label, *(_shown(variant, key, show) for variant in result.variants.values())] for label, key, show in shown
    ]
    refused = (variant.metrics["signals_refused"] for variant in result.variants.values())
    rows.append(["signals refused", *map(numbers.refusals, refused)])
    return text_table(columns, rows)


def _shown(variant: Variant, key: str, show: Show) -> str:
    return marked(show(_number(variant, key)), key, short=bool(variant.metrics.get("short")))


def _number(variant: Variant, key: str) -> float | None:
    value = variant.metrics.get(key)
    return value if isinstance(value, int | float) and value == value else None
