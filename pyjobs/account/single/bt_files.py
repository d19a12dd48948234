"""A run as files that anyone can check: one line per symbol, one per trade; the shortest text that reads as the float.

Bars are numbered from 0 within their symbol. Byte for byte the same for the same run.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pyjobs.account.single.engine import ENTRY_PRICE, ENTRY_TS, EXIT_PRICE, EXIT_TS, REASON, STOP, Result, SymbolResult
from pyjobs.market.cache.release import one_at_a_time
from pyjobs.strategy.lifecycle import REASONS
from utils.files.text_files import write_result

PER_SYMBOL = "symbol,total_return,max_drawdown,n_trades"
TRADES = "symbol,side,signal_bar,entry_bar,entry_price,stop,exit_bar,exit_price,reason,return"
SIGNAL_TS = 1
TOGETHER = 20_000  # trades as Python's numbers, 5 MB


def write_per_symbol(path: Path, result: Result) -> None:
    """PER_SYMBOL columns; fractions; n_trades counts entries filled."""
    lines = (f"{cell(s.symbol)},{s.total_return!r},{s.max_drawdown!r},{s.n_trades}\n" for s in result.symbols)
    write_lines(path, PER_SYMBOL, lines)


def write_trades(path: Path, result: Result) -> None:
    """TRADES columns, by symbol and time; `stop` empty where there is none; an open one ends at the last close."""
    write_lines(path, TRADES, (line for symbol in result.symbols for line in trade_lines(symbol, result.money.fee)))


def trade_lines(symbol: SymbolResult, fee: float) -> Iterator[str]:
    """One line per trade of a symbol."""
    shares = (replace(symbol, rows=symbol.rows[at : at + TOGETHER]) for at in range(0, symbol.n_trades, TOGETHER))
    for share in one_at_a_time(shares, lambda each: each.bars):
        yield from _lines(share, fee)


def _lines(symbol: SymbolResult, fee: float) -> Iterator[str]:
    rows, name = symbol.rows, cell(symbol.symbol)
    columns = (
        (rows[:, 0] > 0).tolist(),
        *(symbol.bar_numbers(i).tolist() for i in (SIGNAL_TS, ENTRY_TS)),
        *(rows[:, i].tolist() for i in (ENTRY_PRICE, STOP)),
        symbol.bar_numbers(EXIT_TS).tolist(),
        rows[:, EXIT_PRICE].tolist(),
        rows[:, REASON].astype(int).tolist(),
        symbol.net_returns(fee).tolist(),
    )
    for long, signal, entry, paid, stop, leave, price, reason, gain in zip(*columns, strict=True):
        level = "" if math.isnan(stop) else repr(stop)
        side = "long" if long else "short"
        yield f"{name},{side},{signal},{entry},{paid!r},{level},{leave},{price!r},{REASONS[reason]},{gain!r}\n"


def print_summary(result: Result) -> None:
    """A few lines on stdout."""
    gains = sorted(each.total_return for each in result.symbols)
    trades = sum(each.n_trades for each in result.symbols)
    stops = sum(each.count("stop") + each.count("stop_gap") for each in result.symbols)
    print(f"{len(gains)} symbols, {trades} trades, {stops} of them stopped out")
    if gains:
        mean, middle = math.fsum(gains) / len(gains), gains[len(gains) // 2]
        deepest = min(each.max_drawdown for each in result.symbols)
        print(f"total return: mean {mean:+.2%}, middle {middle:+.2%}; deepest drawdown {deepest:.2%}")


def cell(text: str) -> str:
    """As csv.writer would quote it."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def write_lines(path: Path, heading: str, lines: Iterator[str]) -> None:
    """A heading and lines that end themselves, as a file that is whole or not there."""
    write_result(path, lambda file: file.writelines(itertools.chain((heading + "\n",), lines)))
