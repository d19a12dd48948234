"""What several pages need: the line about a missing input, and the table of signals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyjobs.reporting import numbers
from pyjobs.reporting.document import Table, Text
from pyjobs.reporting.run_files.read_run import RunInputs
from pyjobs.runs.verdict.findings import many
from pyjobs.scanning.scan_file import Scan, Scanned, Signal
from utils.tables import Called, Column, called

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
    "unreadable": "cannot be read",
    "too_few_bars": "too few bars for some setup",
}


def absent(inputs: RunInputs, name: str, what: str) -> Text:
    """That `what` is missing, which file that is, and what became of the step that makes it."""
    verb = MADE_BY.get(name, "")
    steps = inputs.steps.steps if inputs.steps else []
    fate = next(
        (f"{step.step}: {step.outcome}, {step.reason or 'no reason given'}" for step in steps if step.step == verb), ""
    )
    text = f"{what}: '{name}' {inputs.missing.get(name, 'is not there')}"
    return Text(f"{text} ({fate})." if fate else f"{text}.", tone="warn")


def called_in(scan: Scan | None, others: Iterable[tuple[str, str]] = ()) -> Called:
    """What the instruments of a scan, and `others` by (exchange, symbol), are called."""
    return called([*((each.exchange, each.symbol) for each in (scan.instruments if scan else ())), *others])


def signal_table(scan: Scan) -> Table:
    """Tonight's signals, by setup and symbol."""
    columns = [Column("symbol"), Column("timeframe"), Column("setup"), Column("side")]
    columns += [Column("bar close, UTC"), Column("price", right=True), Column("stop", right=True), Column("why")]
    money = {(each.exchange, each.symbol): each.currency for each in scan.instruments}
    name = called_in(scan)
    rows = [
        [
            name(s.exchange, s.symbol),
            s.timeframe,
            s.setup,
            s.side,
            numbers.utc_time(s.ts_ms),
            numbers.price(s.close, money.get((s.exchange, s.symbol), "")),
            numbers.price(s.stop, money.get((s.exchange, s.symbol), "")),
            s.why,
        ]
        for s in sorted(scan.signals, key=lambda signal: (signal.setup, signal.symbol, signal.ts_ms))
    ]
    return Table(columns=columns, rows=rows)


def noted(notes: Iterable[str]) -> list[Text]:
    """What has to be known of signals and figures, as warnings; a page needs no `[WARN]` of the log for that."""
    return [Text(f"{note.removeprefix('[WARN] ')}.", tone="warn") for note in notes]


def signal_count(signals: Sequence[Signal]) -> str:
    """`no signals`, `1 signal`, `5 signals`."""
    return many(len(signals), "signal") if signals else "no signals"


def sessions_of_markets(newest: Iterable[tuple[str, str | None]]) -> str:
    """One line where there are several markets: what the last session of each is. `newest`: (market, last session)."""
    last: dict[str, str] = {}
    for market, session in newest:
        last[market] = max(last.get(market, ""), session or "")
    text = ", ".join(f"{market} {session or 'none yet'}" for market, session in sorted(last.items()) if market)
    return f"Each instrument's last session is its own market's: {text}." if len(last) > 1 else ""


def movers(instruments: Sequence[Scanned]) -> list[Scanned]:
    """Instruments with a bar of this session and a known change, biggest rise first."""
    known = [each for each in instruments if each.status in HAS_BAR and each.change is not None]
    return sorted(known, key=lambda each: (-(each.change or 0.0), each.symbol))
