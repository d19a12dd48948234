"""The go-live report: each gate with what was found, and the figures behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyjobs.account.figures.account_types import Metrics
from pyjobs.account.figures.overlap import FEWEST_INDEPENDENT, WORTH
from pyjobs.reporting import numbers, setup_figures
from pyjobs.reporting.account_figures import marked, ruined, short_window
from pyjobs.reporting.document import Block, Image, Page, Section, Table, Text
from pyjobs.reporting.pages.common import absent, noted
from pyjobs.reporting.pages.gates import MAX_DRAWDOWN, MIN_TRADES, Gate, all_gates, decision
from pyjobs.reporting.pages.loops import golive_sections
from pyjobs.reporting.run_files.accounts import AccountFiles
from pyjobs.reporting.run_files.read_run import RunInputs
from pyjobs.reporting.sheet import figure_tables
from pyjobs.reporting.sheet.curve_charts import curve_charts, month_returns
from utils.tables import Column

EXPECTANCY_CHART = "setups_expectancy.png"
FIGURES: tuple[tuple[str, Callable[[Metrics], str]], ...] = (
    ("period", lambda m: f"{m.start or numbers.NOTHING} … {m.end or numbers.NOTHING}"),
    ("start equity", lambda m: f"{numbers.count(m.start_equity)} {m.currency}"),
    ("end equity", lambda m: f"{numbers.count(m.end_equity)} {m.currency}"),
    ("total return", lambda m: numbers.change(m.total_return)),
    ("CAGR", lambda m: numbers.change(m.cagr)),
    ("volatility", lambda m: numbers.percent(m.volatility)),
    ("Sharpe", lambda m: numbers.decimal(2)(m.sharpe)),
    ("Sortino", lambda m: numbers.decimal(2)(m.sortino)),
    ("Calmar", lambda m: numbers.decimal(2)(m.calmar)),
    ("max drawdown", lambda m: numbers.change(m.max_drawdown)),
    ("longest under water, sessions", lambda m: numbers.count(m.max_drawdown_sessions)),
    ("trades", lambda m: numbers.count(m.n_trades)),
    ("win rate", lambda m: numbers.percent(m.win_rate)),
    ("profit factor", lambda m: numbers.decimal(2)(m.profit_factor)),
    ("expectancy per trade", lambda m: numbers.change(m.expectancy)),
    ("exposure", lambda m: numbers.percent(m.exposure)),
    ("turnover a year", lambda m: numbers.decimal(1)(m.turnover)),
    ("fees, tax and borrow", lambda m: numbers.count(m.fees)),
    (
        "signals refused",
        lambda m: ", ".join(f"{n:,} {why}" for why, n in (m.signals_refused or {}).items() if n) or "none",
    ),
    ("benchmark's return", lambda m: _benchmark(m)),
)


A_YEAR_HERE = {
    "CAGR": "cagr",
    "volatility": "volatility",
    "Sharpe": "sharpe",
    "Sortino": "sortino",
    "Calmar": "calmar",
    "turnover a year": "turnover",
}


def equity_chart(account: str) -> str:
    """The file name in reports/ of an account's equity picture."""
    return f"equity_{account}.png"


def golive_page(inputs: RunInputs, *, session: str | None, pictures: Sequence[str]) -> Page:
    """`pictures`: file names in reports/ that exist; others are not shown."""
    gates = all_gates(inputs)
    verdict = decision(gates)
    return Page(
        name="golive",
        title=f"Go-live report of {session or 'an unknown session'}",
        summary=f"{verdict}. {_why(gates, verdict)}",
        sections=[
            Section(title="Checklist", blocks=[_checklist(gates), Text(_rule(), tone="note")]),
            *golive_sections(inputs.loops),
            Section(title="Setups", blocks=_setups(inputs, pictures)),
            *[Section(title=f"Account {a.name}", blocks=_account(a, inputs, pictures)) for a in inputs.accounts],
            *([] if inputs.accounts else [Section(title="Accounts", blocks=[_no_account(inputs)])]),
        ],
    )


def _rule() -> str:
    return (
        f"GO needs fresh data, at least one setup that passes both its gates (n ≥ {MIN_TRADES} closed trades "
        f"worth {FEWEST_INDEPENDENT} independent ones, its "
        f"expectancy interval above 0) and every account within its own (gain, drawdown ≤ {MAX_DRAWDOWN:.0%}). "
        "A backtest is not a promise."
    )


def _why(gates: Sequence[Gate], verdict: str) -> str:
    if verdict == "GO":
        return "Every gate that counts is passed."
    failed = [f"{gate.subject}: {gate.asks} ({gate.verdict})" for gate in gates if gate.verdict != "GO"]
    return f"{len(failed)} of {len(gates)} gates are not passed, the first is {failed[0]}." if failed else ""


def _checklist(gates: Sequence[Gate]) -> Table:
    columns = [Column("verdict"), Column("subject"), Column("gate"), Column("found", right=True)]
    return Table(columns=columns, rows=[[gate.verdict, gate.subject, gate.asks, gate.found] for gate in gates])


def _setups(inputs: RunInputs, pictures: Sequence[str]) -> list[Block]:
    if inputs.setups is None:
        return [absent(inputs, "backtests/setups.json", "There are no setup backtests")]
    columns = [Column("setup"), Column("days", right=True), Column("trades are"), *setup_figures.COLUMNS]
    rows = [
        [row.label, str(window.days), setup_figures.enough(row.verdict), *setup_figures.cells(row)]
        for window in inputs.setups.windows
        for row in window.rows
    ]
    table = Table(columns=columns, rows=rows)
    chart = Image(path=f"reports/{EXPECTANCY_CHART}", alt="expectancy per trade of each setup, with intervals")
    notes = [Text(WORTH, tone="note"), *noted(inputs.setups.notes)]
    return [table, *notes, chart] if EXPECTANCY_CHART in pictures else [table, *notes]


def _account(account: AccountFiles, inputs: RunInputs, pictures: Sequence[str]) -> list[Block]:
    blocks: list[Block] = []
    if account.variants:
        columns = [Column("figure"), *[Column(name, right=True) for name in account.variants]]
        rows = [
            [title, *[_shown(title, show, b.metrics) for b in account.variants.values()]] for title, show in FIGURES
        ]
        blocks += [Table(columns=columns, rows=rows), *_beside(account)]
    lost = {name: why for name, why in inputs.missing.items() if name.startswith(f"portfolio/{account.name}/")}
    blocks += [Text(f"'{name}' {why}.", tone="warn") for name, why in lost.items()]
    blocks += _drawn(account, pictures)
    noted = [each for variant in account.variants.values() for each in variant.metrics.left_out]
    left_out = {(each.get("symbol", ""), each.get("why", "")) for each in noted}
    if left_out:
        rows = [[symbol, why] for symbol, why in sorted(left_out)]
        blocks += [Text("Left out of the account:"), Table(columns=[Column("symbol"), Column("why")], rows=rows)]
    return blocks


def _drawn(account: AccountFiles, pictures: Sequence[str]) -> list[Block]:
    """Equity of the variants and the benchmark, drawdowns, months; in Markdown the picture of the first two."""
    variants = {name: variant.equity for name, variant in account.variants.items() if len(variant.equity.values) > 1}
    if not variants:
        return []
    name = equity_chart(account.name)
    picture = Image(path=f"reports/{name}", alt=f"equity and drawdown of account {account.name}")
    currency = next(iter(account.variants.values())).metrics.currency
    drawn = curve_charts(variants, account.benchmark, currency, instead=picture if name in pictures else None)
    first = next(iter(variants.values()))
    if min(first.values) <= 0:
        return drawn
    months = figure_tables.months(month_returns(first.sessions, first.values))
    return [*drawn, Text(f"Return by month of the {next(iter(variants))} variant, %:"), months]


def _shown(title: str, show: Callable[[Metrics], str], metrics: Metrics) -> str:
    return marked(show(metrics), A_YEAR_HERE.get(title, ""), short=bool(metrics.short))


def _beside(account: AccountFiles) -> list[Block]:
    """What has to be known of the figures: short windows, ruin, doubts about the data."""
    first = next(iter(account.variants.values()))
    lines = []
    if first.metrics.short and first.metrics.sessions_per_year:
        lines.append(short_window(len(first.equity.values), first.metrics.sessions_per_year))
    for name, variant in account.variants.items():
        lines += [ruined(f"{account.name} {name}", variant.metrics.ruin)] if variant.metrics.ruin else []
    lines += first.metrics.notes
    return [Text(f"{line.removeprefix('[WARN] ')}.", tone="warn" if "[WARN]" in line else "note") for line in lines]


def _benchmark(metrics: Metrics) -> str:
    """The benchmark over the same sessions, or from when there is one."""
    later = metrics.benchmark_start and metrics.benchmark_start != metrics.start
    return numbers.change(metrics.benchmark_return) + (f" from {metrics.benchmark_start}" if later else "")


def _no_account(inputs: RunInputs) -> Text:
    return absent(inputs, "portfolio/", "There are no account backtests")
