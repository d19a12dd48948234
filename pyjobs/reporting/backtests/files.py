"""The files of a backtest's run folder, from its results: tables, figures, text, pictures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pyjobs.account.desk.backtest_results import equity_of, returns_of
from pyjobs.account.desk.desk_backtest import AccountResults
from pyjobs.account.desk.result_rows import write_account_trades, write_curve
from pyjobs.account.desk.strategy_run import StrategyRun, sessions_of
from pyjobs.account.portfolio.simulate import AccountTrade
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.market.bars import SeriesKey
from pyjobs.market.benchmarks.closes import Benchmark
from pyjobs.market.store.names import folder_name
from pyjobs.reporting.backtests import interactive
from pyjobs.reporting.charts import bar_label
from pyjobs.reporting.sheet import pictures
from pyjobs.reporting.sheet.backtest_page import backtest_sheet, write_sheets
from pyjobs.reporting.sheet.pictures import MarkedTrade
from pyjobs.reporting.sheet.report import report
from utils.files import atomic
from utils.files.text_files import without_nan, write_csv, write_json

MOST_TRADE_PICTURES = 4


def write_all(
    folder: Path,
    accounts: Sequence[AccountResults],
    benchmarks: Sequence[Benchmark],
    *,
    names: Mapping[SeriesKey, str] | None = None,
    label: str = "",
    page: bool = False,
) -> None:
    """The first account's files in `folder`, the others' in accounts/<name>/; one report.txt, one index.html.

    `names` of the series, for pictures; `label`: the desk's banner; `page`: interactive.html too.
    """
    sheets = []
    for number, account in enumerate(accounts):
        own = folder if number == 0 else folder / "accounts" / account.name
        mine = [each for each in benchmarks if each.name in account.metrics["benchmarks"]]
        write_tables(own, account)
        drawn = [
            f"{'' if number == 0 else f'accounts/{account.name}/'}{name}"
            for name in draw(own, account, mine, names or {})
        ]
        sheets.append(backtest_sheet(account, mine, drawn))
    plain = {account.name: json.loads(json.dumps(without_nan(account.metrics))) for account in accounts}
    atomic.write_text(folder / "report.txt", report(plain))
    if page:
        _page(folder, accounts[0], [each for each in benchmarks if each.name in accounts[0].metrics["benchmarks"]])
    write_sheets(folder, plain, sheets, label=label)


def _page(folder: Path, account: AccountResults, benchmarks: Sequence[Benchmark]) -> None:
    points, title = account.result.points, f"{account.metrics['strategy']}, account {account.name}"
    days = sessions_of(points)
    closes = {each.name: each.closes.at(days).tolist() for each in benchmarks}
    sessions = [day.isoformat() for day in days]
    figures = [
        interactive.equity_figure(
            f"{title}: equity in {account.metrics['currency']}", sessions, equity_of(points).tolist(), closes
        )
    ]
    for sleeve in most_traded(account.result):
        account_trades = [
            account_trade for account_trade in account.result.run.account_trades if account_trade.key == sleeve.key
        ]
        name = f"{len(account_trades)} trades of {sleeve.key.symbol} {sleeve.key.timeframe}, {sleeve.currency}"
        drawn = price_and_trades(sleeve, account_trades, account.result.prepared.closes[0][1])
        figures.append(interactive.trades_figure(name, *drawn))
    text = (folder / "report.txt").read_text(encoding="utf-8")
    interactive.write_page(folder / "interactive.html", title, figures, text)


def write_tables(folder: Path, account: AccountResults) -> None:
    """daily_returns.csv, equity_curve.csv, trades.csv and metrics.json."""
    points = account.result.points
    sessions = [session.isoformat() for session in sessions_of(points)]
    write_csv(folder / "daily_returns.csv", ("session", "return"), zip(sessions, returns_of(points), strict=True))
    write_curve(folder / "equity_curve.csv", points)
    write_account_trades(folder / "trades.csv", account.result.run.account_trades)
    write_json(folder / "metrics.json", account.metrics)


def draw(
    folder: Path, account: AccountResults, benchmarks: Sequence[Benchmark], names: Mapping[SeriesKey, str]
) -> list[str]:
    """equity_curve.png, monthly_returns.png, trades_<symbol>_<timeframe>.png of the most traded; the last's names."""
    points, metrics = account.result.points, account.metrics
    days = sessions_of(points)
    sessions = [day.isoformat() for day in days]
    equity = equity_of(points).tolist()
    title = f"{metrics['strategy']}, account {account.name}: equity in {metrics['currency']}"
    closes = {each.name: each.closes.at(days).tolist() for each in benchmarks}
    pictures.equity_picture(folder / "equity_curve.png", title, sessions, equity, closes)
    months = pictures.month_returns(sessions, equity)
    pictures.monthly_picture(folder / "monthly_returns.png", f"{metrics['strategy']}, account {account.name}", months)
    drawn = most_traded(account.result)
    files = trade_files([sleeve.key for sleeve in drawn])
    for sleeve, file in zip(drawn, files, strict=True):
        account_trades = [
            account_trade for account_trade in account.result.run.account_trades if account_trade.key == sleeve.key
        ]
        first_ms = account.result.prepared.closes[0][1]
        what = f"{sleeve.key.symbol} {names.get(sleeve.key, '')}".strip()
        name = (
            f"{metrics['strategy']}: {len(account_trades)} trades of {what} {sleeve.key.timeframe}, {sleeve.currency}"
        )
        pictures.trades_picture(folder / file, name, *price_and_trades(sleeve, account_trades, first_ms))
    return files


def most_traded(result: StrategyRun) -> list[Sleeve]:
    """The sleeves with the most trades, most first; of equals by name. Sleeves without a trade are not among them."""
    count = Counter(account_trade.key for account_trade in result.run.account_trades)
    one_each = {
        sleeve.key: sleeve for sleeve in result.prepared.sleeves
    }  # a series traded on both sides has two sleeves
    order = sorted(one_each.values(), key=lambda sleeve: (-count[sleeve.key], str(sleeve.key)))
    return [sleeve for sleeve in order if count[sleeve.key]][:MOST_TRADE_PICTURES]


def price_and_trades(
    sleeve: Sleeve, account_trades: Sequence[AccountTrade], first_ms: int
) -> tuple[list[str], list[float], list[MarkedTrade]]:
    """(labels, closes, trades) of one series from `first_ms` on; entries and exits by bar number."""
    start = int(np.searchsorted(sleeve.bars.ts_ms, first_ms))
    ts_ms = sleeve.bars.ts_ms[start:]
    intraday = sleeve.key.timeframe not in ("1d",)
    marked = [
        MarkedTrade(
            side=account_trade.trade.side,
            entry_bar=int(np.searchsorted(ts_ms, account_trade.trade.entry_ts_ms)),
            entry_price=account_trade.trade.entry_price,
            exit_bar=int(np.searchsorted(ts_ms, account_trade.trade.exit_ts_ms)),
            exit_price=account_trade.trade.exit_price,
            pnl=account_trade.pnl,
            open=account_trade.trade.reason == "open",
        )
        for account_trade in account_trades
    ]
    labels = [bar_label(each, intraday=intraday) for each in ts_ms.tolist()]
    return labels, sleeve.bars.close[start:].tolist(), marked


def trade_files(keys: Sequence[SeriesKey]) -> list[str]:
    """A file name for the picture of each series: with its exchange where another has the same symbol."""
    names = [f"trades_{folder_name(key.symbol)}_{key.timeframe}" for key in keys]
    return [f"{name}{f'_{key.exchange}' * (names.count(name) > 1)}.png" for name, key in zip(names, keys, strict=True)]
