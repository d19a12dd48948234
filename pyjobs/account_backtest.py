"""Each account over the whole history, with its limits and without, side by side.

Writes into the run folder portfolio/<account>/{constrained,unconstrained}/{equity_curve.csv,trades.csv,metrics.json},
portfolio/<account>/constrained/positions.csv (what is held, and what the next open would bring), and
portfolio/<account>/benchmark.csv where the desk has a benchmark in that currency.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.account.desk.backtest import AccountResult, Book, backtest
from pyjobs.account.desk.desk_setups import check_desk, setups_of
from pyjobs.account.desk.positions import POSITION_COLUMNS, position_rows
from pyjobs.account.desk.result_rows import write_curve, write_deals
from pyjobs.market.bars import last
from pyjobs.market.desk import open_desk as rim
from pyjobs.market.desk.snapshot import refuse_unread
from pyjobs.reporting import numbers
from pyjobs.reporting.account_figures import FIGURES, Show, marked, ruined, short_window
from pyjobs.reporting.tables import Column, text_table
from utils.exit_codes import ExitCode
from utils.files.text_files import write_csv, write_json
from utils.run import run

BESIDE_MARKET: tuple[tuple[str, str, Show], ...] = (
    ("last 180 days", "return_180d", numbers.change),
    ("beta", "beta", numbers.decimal(2)),
    ("alpha", "alpha", numbers.change),
    ("benchmark", "benchmark_return", numbers.change),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run every account both ways, write, print; see the module."""
    args = rim.parser("account_backtest", __doc__, out_required=True).parse_args(argv)
    path, snapshot = rim.opened(args, check_desk)
    found = setups_of(snapshot, source=str(path), judged=True)
    setups = found.setups
    closes = {each.instrument.key: float(last(each.bars, 1).close[0]) for each in snapshot.series if len(each.bars)}
    for name, account in snapshot.desk.accounts.items():
        result = backtest(snapshot, account, setups, notes=found.notes)
        write_account(args.out / "portfolio" / name, result)
        held = position_rows(result.books["constrained"].deals, result.books["constrained"].waiting, closes)
        write_csv(args.out / "portfolio" / name / "constrained" / "positions.csv", POSITION_COLUMNS, held)
        print(heading(name, result))
        print(figures_table(result))
    refuse_unread(snapshot)
    return ExitCode.OK


def write_account(folder: Path, result: AccountResult) -> None:
    """All files of one account."""
    for name, book in result.books.items():
        write_curve(folder / name / "equity_curve.csv", book.curve)
        write_deals(folder / name / "trades.csv", book.deals)
        write_json(folder / name / "metrics.json", book.metrics)
    if result.benchmark:
        write_csv(folder / "benchmark.csv", ("session", "ts_ms", "close"), result.benchmark)


def heading(name: str, result: AccountResult) -> str:
    """Which account, in what money, over which sessions, and without which instruments."""
    metrics = next(iter(result.books.values())).metrics
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
            short_window(len(next(iter(result.books.values())).curve), float(str(metrics["sessions_per_year"])))
        )
    lines += [ruined(f"{name} {each}", b.metrics["ruin"]) for each, b in result.books.items() if b.metrics["ruin"]]
    return "\n".join(lines)


def figures_table(result: AccountResult) -> str:
    """The books side by side."""
    columns = [Column(""), *(Column(name, right=True) for name in result.books)]
    shown = (*FIGURES, *BESIDE_MARKET)
    rows = [[label, *(_shown(book, key, show) for book in result.books.values())] for label, key, show in shown]
    rows.append(["signals refused", *(_refused(book) for book in result.books.values())])
    return text_table(columns, rows)


def _shown(book: Book, key: str, show: Show) -> str:
    return marked(show(_number(book, key)), key, short=bool(book.metrics.get("short")))


def _refused(book: Book) -> str:
    """How many, and for what: `31 slots, 4 held`."""
    counts = book.metrics["signals_refused"]
    told = [f"{n:,} {why}" for why, n in counts.items() if n] if isinstance(counts, dict) else []
    return ", ".join(told) or numbers.NOTHING


def _number(book: Book, key: str) -> float | None:
    value = book.metrics.get(key)
    return value if isinstance(value, int | float) and value == value else None


if __name__ == "__main__":
    sys.exit(run(main))
