"""report.txt of a backtest: what was run, on what, with which result, and against which benchmarks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from pyjobs.market.benchmarks.closes import HOLIDAY_DAYS
from pyjobs.reporting import numbers
from pyjobs.reporting.account_figures import BARELY, FIGURES, Show, marked, ruined, short_window, under_a_year
from utils.tables import Column, text_table
from utils.wording import first_of

NAMED = 5
FIRST = "[WARN] strategy "  # so begins a note without which no figure is to be read
UNLIMITED: tuple[tuple[str, str, Show], ...] = (
    ("total return", "total_return", numbers.change),
    ("Sharpe", "sharpe", numbers.decimal(2)),
    ("max drawdown", "max_drawdown", numbers.change),
    ("trades", "n_trades", numbers.count),
)
BENCHMARK_FIGURES: tuple[tuple[str, str, Show], ...] = (
    ("total return", "total_return", numbers.change),
    ("CAGR", "cagr", numbers.change),
    ("volatility", "volatility", numbers.percent),
    ("Sharpe", "sharpe", numbers.decimal(2)),
    ("max drawdown", "max_drawdown", numbers.change),
    ("account over it", "excess_return", numbers.change),
    ("alpha a year", "alpha", numbers.change),
    ("beta", "beta", numbers.decimal(2)),
    ("correlation", "correlation", numbers.decimal(2)),
    ("information ratio", "information_ratio", numbers.decimal(2)),
    ("tracking error", "tracking_error", numbers.percent),
)


def report(accounts: Mapping[str, Mapping[str, Any]]) -> str:
    """The text, from the metrics of each account; money of different currencies is never added up."""
    first = next(iter(accounts.values()))
    params = ", ".join(f"{key}={value}" for key, value in first["params"].items())
    head = [
        f"{first['strategy']} ({params}) on desk {first['desk']}",
        f"up to {first['end']}, sessions of {first['market']}",
        *(note for note in first.get("notes", []) if note.startswith(FIRST)),
    ]
    columns = [Column(""), *(Column(f"{name} ({each['currency']})", right=True) for name, each in accounts.items())]
    rows = [["from", *(each["start"] for each in accounts.values())]]
    rows += [["sessions", *(numbers.count(each["n_sessions"]) for each in accounts.values())]]
    rows += [[label, *(_shown(each, key, show) for each in accounts.values())] for label, key, show in FIGURES]
    rows += [["sessions a year", *(numbers.count(_number(each, "sessions_per_year")) for each in accounts.values())]]
    rows.append(["signals refused", *(numbers.refusals(each.get("signals_refused")) for each in accounts.values())])
    free = [{**each["unconstrained"], "short": each.get("short")} for each in accounts.values()]
    rows += [[f"without limits: {label}", *(_shown(f, key, show) for f in free)] for label, key, show in UNLIMITED]
    parts = ["\n".join(head) + "\n", text_table(columns, rows)]
    parts += [text for name, each in accounts.items() for text in _benchmarks(name, each)]
    parts += [f"[WARN] benchmark unavailable: {name} (skipped)\n{name}: {why}\n" for name, why in _missing(first)]
    lines = list(dict.fromkeys(line for name, each in accounts.items() for line in beside(name, each)))
    parts += ["\n".join(lines) + "\n"] if lines else []
    parts.append("The conventions are in metrics.json. A dash: not defined.\n")
    return "\n".join(parts)


def _benchmarks(name: str, metrics: Mapping[str, Any]) -> list[str]:
    against = metrics["benchmarks"]
    if not against:
        return []
    columns = [Column(f"account {name} against"), *(Column(each, right=True) for each in against)]
    rows = [["from", *(each["start"] or numbers.NOTHING for each in against.values())]]
    rows += [["source", *(f"{each['provider']} {each['symbol']}" for each in against.values())]]
    within = [{**each, "short": under_a_year(each)} for each in against.values()]
    rows += [[label, *(_shown(each, key, show) for each in within)] for label, key, show in BENCHMARK_FIGURES]
    late = [
        f"{BARELY} against {each}: since {of['start']}, less than a year"
        for each, of in against.items()
        if under_a_year(of) and not metrics.get("short")
    ]
    return [text_table(columns, rows), *(["\n".join(late) + "\n"] if late else [])]


def beside(name: str, metrics: Mapping[str, Any]) -> list[str]:
    """What a reader must know before believing the figures of an account."""
    lines = [
        f"[WARN] benchmark {each} ends {figures['last_close']}: older closes are used from then on"
        for each, figures in metrics["benchmarks"].items()
        if figures["end"] and (_day(metrics["end"]) - _day(figures["last_close"])).days > HOLIDAY_DAYS
    ]
    lines += [note for note in metrics.get("notes", []) if not note.startswith(FIRST)]
    if metrics.get("short"):
        lines.append(short_window(metrics["n_sessions"], metrics["sessions_per_year"]))
    for variant, of in ((metrics, f"account {name}"), (metrics["unconstrained"], f"account {name} without limits")):
        lines += [ruined(of, variant["ruin"])] if variant.get("ruin") else []
    lines += [
        f"account {name}: left out: {each['symbol']} {each['timeframe']}: {each['why']}" for each in metrics["left_out"]
    ]
    return lines + [f"account {name}: {line}" for line in ended_early(metrics["behind"])]


def ended_early(series: Sequence[Mapping[str, str]]) -> list[str]:
    """A line for each session at which bars end; metrics.json has every series."""
    by_session: dict[str, list[str]] = {}
    for each in series:
        by_session.setdefault(each["last_session"], []).append(f"{each['symbol']} {each['timeframe']}")
    lines = []
    for session, names in sorted(by_session.items()):
        lines.append(f"bars of {first_of(names, NAMED)} end at {session}")
    return lines


def _shown(metrics: Mapping[str, Any], key: str, show: Show) -> str:
    return marked(show(_number(metrics, key)), key, short=bool(metrics.get("short")))


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def _missing(metrics: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return list(metrics["benchmarks_missing"].items())


def _number(figures: Mapping[str, Any], key: str) -> float | None:
    value = figures.get(key)
    return value if isinstance(value, int | float) and abs(value) < float("inf") else None
