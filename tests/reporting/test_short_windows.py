"""A figure a year that was measured over less than a year is marked wherever it stands, by its own stretch."""

from __future__ import annotations

from typing import Any

import pytest

from pyjobs.reporting.account_figures import under_a_year
from pyjobs.reporting.sheet.report import report

BENCHMARK = {
    "start": "2021-01-04",
    "end": "2026-11-20",
    "last_close": "2026-11-20",
    "provider": "parquet",
    "symbol": "X",
}
FIGURES = {"cagr": 0.25, "volatility": 0.2, "sharpe": 1.25, "alpha": 0.1, "tracking_error": 0.1, "beta": 0.5}


def an_account(start: str, sessions: int, *, short: bool, **benchmarks: dict[str, Any]) -> dict[str, Any]:
    return {
        "strategy": "ma_cross", "params": {}, "desk": "d", "market": "XKRX", "currency": "KRW", "start": start,
        "end": "2026-11-20", "n_sessions": sessions, "sessions_per_year": 244.0, "short": short, **FIGURES,
        "unconstrained": {"sharpe": 2.5, "total_return": 0.1}, "benchmarks_missing": {}, "left_out": [], "behind": [],
        "benchmarks": {name: {**BENCHMARK, **FIGURES, **each} for name, each in benchmarks.items()},
    }  # fmt: skip


def line(text: str, label: str, nth: int = 0) -> list[str]:
    """The cells of the nth line that begins so."""
    found = [each for each in text.splitlines() if each.startswith(label)]
    return found[nth].removeprefix(label).split("  ")


def test_in_a_short_window_no_figure_a_year_stands_bare_and_the_line_that_says_why_stands_once() -> None:
    young = an_account("2026-08-03", 62, short=True, KOSPI={"start": "2026-08-03"})
    text = report({"krw": young, "usd": young})
    assert text.count("[WARN] * of 62 sessions") == 1
    for label in ("CAGR", "volatility", "Sharpe", "alpha a year", "tracking error", "without limits: Sharpe"):
        rows = [each for each in text.splitlines() if each.startswith(label)]
        assert rows and all(each.rstrip().endswith("*") for each in rows), rows
    assert "*" not in "".join(line(text, "beta")) + "".join(line(text, "without limits: total return"))


def test_a_benchmark_that_began_lately_is_marked_though_the_account_is_old() -> None:
    text = report({"krw": an_account("2021-01-04", 1440, short=False, OLD={}, NEW={"start": "2026-08-03"})})
    assert "*" not in "".join(line(text, "CAGR"))
    against = [cell.strip() for cell in line(text, "CAGR", 1) if cell.strip()]
    assert against == ["+25.00 %", "+25.00 % *"]
    assert "* against NEW: since 2026-08-03, less than a year" in text


@pytest.mark.parametrize(
    ("start", "short"), [("2025-11-20", False), ("2025-11-21", False), ("2025-11-24", True), (None, False)]
)
def test_a_year_is_52_weeks(start: str | None, short: bool) -> None:
    assert under_a_year({"start": start, "end": "2026-11-20"}) is short
