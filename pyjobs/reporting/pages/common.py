"""What several pages need: how a missing input is told, and the table of signals."""

from __future__ import annotations

from collections.abc import Sequence

from pyjobs.reporting import numbers
from pyjobs.reporting.document import Table, Text
from pyjobs.reporting.inputs import RunInputs, Scanned, Signal
from pyjobs.reporting.tables import Column

MADE_BY = {
    "reports/data.json": "import_bars",
    "reports/fetch.json": "fetch",
    "reports/scan.json": "scan",
    "backtests/setups.json": "setup_backtest",
    "portfolio/": "account_backtest",
    "logs/steps.json": "nightly",
}
HAS_BAR = ("ok", "too_few_bars")  # statuses of an instrument that has a bar of this session
BAR_STATUS = {
    "ok": "ok",
    "stale": "stale: no bar of this session",
    "no_bars": "no bars",
    "too_few_bars": "too few bars for any setup",
}


def absent(inputs: RunInputs, name: str, what: str) -> Text:
    """That `what` is missing, which file that is, and what became of the step that makes it."""
    verb = MADE_BY.get(name, "")
    steps = inputs.steps.steps if inputs.steps else []
    fate = next(
        (f"{step.step}: {step.outcome}, {step.reason or 'no reason given'}" for step in steps if step.step == verb), ""
    )
    told = f"{what}: '{name}' {inputs.missing.get(name, 'is not there')}"
    return Text(f"{told} ({fate})." if fate else f"{told}.", tone="warn")


def signal_table(signals: Sequence[Signal]) -> Table:
    """Tonight's signals, by setup and symbol."""
    columns = [Column("symbol"), Column("timeframe"), Column("setup"), Column("side")]
    columns += [Column("bar close, UTC"), Column("price", right=True), Column("stop", right=True), Column("why")]
    rows = [
        [
            s.symbol,
            s.timeframe,
            s.setup,
            s.side,
            numbers.utc_time(s.ts_ms),
            numbers.price(s.close),
            numbers.price(s.stop),
            s.why,
        ]
        for s in sorted(signals, key=lambda signal: (signal.setup, signal.symbol, signal.ts_ms))
    ]
    return Table(columns=columns, rows=rows)


def signal_count(signals: Sequence[Signal]) -> str:
    """`no signals`, `1 signal`, `5 signals`."""
    return "no signals" if not signals else f"{len(signals)} signal{'s' if len(signals) > 1 else ''}"


def movers(instruments: Sequence[Scanned]) -> list[Scanned]:
    """Instruments with a bar of this session and a known change, biggest rise first."""
    known = [each for each in instruments if each.status in HAS_BAR and each.change is not None]
    return sorted(known, key=lambda each: (-(each.change or 0.0), each.symbol))
