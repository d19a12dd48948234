"""backtesting.py, by its public documentation: a workload of tests/bench/WORKLOADS.md, or given signals bar by bar.

Run by the Python of .venv-peers, never imported by ours:
    with_backtesting.py W2 BARS.parquet OUT.csv
    with_backtesting.py cases <CASES.json >TRADES.json
Stops and targets are set on the trade once its fill is known, in `next` at the close of the entry bar.
"""

from __future__ import annotations

import json
import sys
import warnings

import backtesting
import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

CASH = 1e12  # whole units only: so much that a unit is nothing
NAMES = ("Open", "High", "Low", "Close")


class Told(Strategy):
    """Enters and leaves at given bars; exits of one side and entries of the other reverse."""

    case = None

    def init(self):
        n = len(self.data)
        self.wish = {name: self.case.get(name, ()) for name in ("entry", "exit", "short_entry", "short_exit")}
        self.wish = {name: set(bars) for name, bars in self.wish.items()}
        distance = self.case.get("stop_distance")
        self.distance = np.full(n, np.nan) if distance is None else np.array(distance, dtype=float)
        self.asked = -1

    def next(self):
        at, wish = len(self.data) - 1, self.wish
        for trade in self.trades:
            self.guard(trade)
        leave = (self.position.is_long and at in wish["exit"]) or (self.position.is_short and at in wish["short_exit"])
        if leave:
            self.position.close()
        if not self.position or leave:
            if at in wish["entry"] and at not in wish["exit"] and not self.position.is_long:
                self.buy()
                self.asked = at
            elif at in wish["short_entry"] and at not in wish["short_exit"] and not self.position.is_short:
                self.sell()
                self.asked = at

    def guard(self, trade):
        sign, case, paid = (1 if trade.is_long else -1), self.case, trade.entry_price
        if case.get("target") and trade.tp is None:
            trade.tp = paid * (1 + sign * case["target"])  # before the stop: the last one set is looked at first
        if case.get("stop_loss") and trade.sl is None:
            trade.sl = paid * (1 - sign * case["stop_loss"])
        if trade.sl is None and self.distance[self.asked] == self.distance[self.asked]:
            trade.sl = paid - sign * self.distance[self.asked]
        if case.get("trail"):
            level = (self.data.High[-1] if sign > 0 else self.data.Low[-1]) * (1 - sign * case["trail"])
            if trade.sl is None or sign * (level - trade.sl) > 0:
                trade.sl = level


class Cross(Told):
    """W2: SMA 20 over SMA 100, a stop two ATR(14) of the signal bar below the fill."""

    def init(self):
        close = pd.Series(self.data.Close)
        fast, slow = close.rolling(20).mean(), close.rolling(100).mean()
        before = close.shift(1)
        high, low = pd.Series(self.data.High), pd.Series(self.data.Low)
        ranges = pd.concat((high - low, (high - before).abs(), (low - before).abs()), axis=1).max(axis=1)
        up = (fast > slow) & (fast.shift(1) <= slow.shift(1))
        down = (fast < slow) & (fast.shift(1) >= slow.shift(1))
        self.case = {
            "entry": np.flatnonzero(up).tolist(),
            "exit": np.flatnonzero(down).tolist(),
            "stop_distance": 2 * ranges.rolling(14).mean(),
        }
        super().init()


def run(strategy, prices, fee, **params):
    """The trades and the equity of one run; the last trade is left open, as it is."""
    frame = pd.DataFrame(prices, columns=NAMES, index=pd.date_range("2020-01-01", periods=len(prices), freq="min"))
    test = Backtest(frame, strategy, cash=CASH, commission=fee)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return test.run(**params)


def trades_of(case):
    """[side, entry bar, entry price, exit bar, exit price, return, still open] per trade; an open one has no exit."""
    made = run(Told, np.array(case["ohlc"], dtype=float), case.get("fee", 0.0), case=case)
    rows = [
        ["long" if row.Size > 0 else "short", row.EntryBar, row.EntryPrice, row.ExitBar, row.ExitPrice,
         row.ReturnPct, False]
        for row in made["_trades"].itertuples()
    ]  # fmt: skip
    left = [
        ["long" if each.is_long else "short", each.entry_bar, each.entry_price, None, None, None, True]
        for each in made["_strategy"].trades
    ]
    return rows + left


def workload(work, path):
    if work != "W2":
        raise SystemExit("with_backtesting.py: takes one series at a time: W2")
    table = pd.read_parquet(path)
    made = run(Cross, table[[name.lower() for name in NAMES]].to_numpy(), 0.0002)
    n = len(made["_trades"]) + len(made["_strategy"].trades)
    figures = [made["Return [%]"] / 100, made["Max. Drawdown [%]"] / 100, n]
    return pd.DataFrame([figures], columns=["total_return", "max_drawdown", "n_trades"], index=["BARS"])


def main(argv):
    if argv[0] == "cases":
        made = [trades_of(case) for case in json.load(sys.stdin)]
        print(json.dumps({"engine": f"backtesting.py {backtesting.__version__}", "trades": made}))
        return
    work, path, out = argv
    workload(work, path).to_csv(out, index_label="symbol")


if __name__ == "__main__":
    main(sys.argv[1:])
