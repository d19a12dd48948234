"""vectorbt, by its public documentation: the workloads of tests/bench/WORKLOADS.md, or given signals bar by bar.

Run by the Python of .venv-peers, never imported by ours:
    with_vectorbt.py W1|W2|W3 BARS.parquet OUT.csv [numba|rust]
    with_vectorbt.py cases <CASES.json >TRADES.json
Signals are moved one bar on and filled at the open; the stop is measured from the fill (`stop_entry_price`).
"""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import vectorbt as vbt

PRICES = ("open", "high", "low", "close")
LONG, STILL_OPEN = 0, 0  # vectorbt's numbers for a direction and a status


def portfolio(frame, wishes, fee, **stops):
    """`frame`: a price table each; `wishes`: entries, exits[, short_entries, short_exits], decided at closes."""
    later = {name: flags.shift(1, fill_value=False).astype(bool) for name, flags in wishes.items()}
    return vbt.Portfolio.from_signals(
        frame["close"], **later, price=frame["open"], open=frame["open"], high=frame["high"], low=frame["low"],
        fees=fee, stop_entry_price="fillprice", init_cash=1_000_000.0, freq="1D", **stops,
    )  # fmt: skip


def crossings(close, fast, slow):
    """SMA(fast) against SMA(slow), columns as `close` has them."""
    quick, calm = (vbt.MA.run(close, window) for window in (fast, slow))
    up, down = quick.ma_crossed_above(calm), quick.ma_crossed_below(calm)
    return {"entries": shaped(up, close), "exits": shaped(down, close)}


def shaped(flags, close):
    return pd.DataFrame(flags.to_numpy().reshape(close.shape), close.index, close.columns)


def average_true_range(frame, n):
    """WORKLOADS.md: the simple mean of n true ranges, the first of which is high - low."""
    before = frame["close"].shift(1)
    spread = (frame["high"] - frame["low"], (frame["high"] - before).abs(), (frame["low"] - before).abs())
    ranges = pd.concat(spread, axis=1).max(axis=1).to_frame(frame["close"].columns[0])
    return ranges.rolling(n).mean()


def workload(work, path):
    table = pd.read_parquet(path)
    if work == "W2":
        table["symbol"] = "BARS"
    frame = {name: table.pivot(index="ts_ms", columns="symbol", values=name) for name in PRICES}
    close = frame["close"]
    if work == "W1":
        return [portfolio(frame, crossings(close, 10, 30), 0.001, sl_stop=0.05)]
    if work == "W2":
        stop = (2 * average_true_range(frame, 14)).shift(1) / frame["open"]
        return [portfolio(frame, crossings(close, 20, 100), 0.0002, sl_stop=stop)]
    windows = [(fast, slow) for fast in range(2, 12) for slow in (20, *range(30, 111, 10))]
    return (portfolio(frame, crossings(close, fast, slow), 0.001, sl_stop=0.05) for fast, slow in windows)


def figures(made, symbols):
    columns = {
        "total_return": made.total_return(),
        "max_drawdown": made.max_drawdown(),
        "n_trades": made.trades.count(),
    }
    return pd.DataFrame({name: np.atleast_1d(values) for name, values in columns.items()}, index=symbols)


def cases(asked):
    return [trades_of(case) for case in asked]


def trades_of(case):
    """[side, entry bar, entry price, exit bar, exit price, return, still open] of each trade."""
    prices = np.array(case["ohlc"], dtype=float)
    n = len(prices)
    frame = {name: pd.DataFrame({"x": prices[:, i]}) for i, name in enumerate(PRICES)}
    pairs = {"entries": "entry", "exits": "exit", "short_entries": "short_entry", "short_exits": "short_exit"}
    wishes = {theirs: flags(n, case[ours]) for theirs, ours in pairs.items() if ours in case}
    stops = {"tp_stop": case.get("target"), "sl_stop": case.get("stop_loss") or case.get("trail")}
    if "stop_distance" in case:
        stops["sl_stop"] = pd.Series(case["stop_distance"], dtype=float).shift(1).to_frame("x") / frame["open"]
    stops = {name: value for name, value in stops.items() if value is not None}
    made = portfolio(frame, wishes, case.get("fee", 0.0), sl_trail=bool(case.get("trail")), **stops)
    rows = made.trades.records
    return [
        ["long" if row.direction == LONG else "short", int(row.entry_idx), float(row.entry_price),
         int(row.exit_idx), float(row.exit_price), float(getattr(row, "return")), bool(row.status == STILL_OPEN)]
        for _, row in rows.iterrows()
    ]  # fmt: skip


def flags(n, bars):
    out = np.zeros(n, dtype=bool)
    out[bars] = True
    return pd.DataFrame({"x": out})


def main(argv):
    if argv[0] == "cases":
        print(json.dumps({"engine": f"vectorbt {vbt.__version__}", "trades": cases(json.load(sys.stdin))}))
        return
    work, path, out, *engine = argv
    vbt.settings["engine"] = engine[0] if engine else "auto"
    made = [figures(each, each.wrapper.columns.get_level_values(-1)) for each in workload(work, path)]
    pd.concat(made).to_csv(out, index_label="symbol")


if __name__ == "__main__":
    main(sys.argv[1:])
