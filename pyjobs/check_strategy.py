"""Put a strategy through the battery: what it must be able to do before it may trade. Exit 65 when it cannot.

NAME is a file of strategies/ (yours) or of pyjobs/strategy/library. It is checked long and both ways, without and with
further exits, on made-up prices or on those of --bars; it must enter at some of them. What it fails at is shown with
the bar, or with its line.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyjobs.account.single.bt_request import parameters, strategy_of
from pyjobs.market.bars import Bars
from pyjobs.market.cache.bar_file import read_bar_file
from pyjobs.strategy import battery, registry
from pyjobs.strategy.registry import needs
from utils.cli import Parser
from utils.errors import MissingInputError
from utils.exit_codes import ExitCode
from utils.run import run

EXITS: dict[str, int | float | str] = {"stop_atr": 2.5, "trail": 0.06, "target_atr": 4.0, "max_bars": 30}
FEWEST, MOST = 1000, 20_000


def main(argv: Sequence[str] | None = None) -> int:
    """Check each way, print a line for each and for everything it fails at."""
    parser = Parser(verb="check_strategy", doc=__doc__)
    parser.add_argument("name", metavar="NAME", help="the file's name, without .py")
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="a parameter; may be repeated")
    parser.add_argument("--bars", type=Path, metavar="FILE", help="the first symbol of this Parquet file")
    args = parser.parse_args(argv)
    given, failed = parameters(args.param), False
    strategy_of(args.name, given, source="NAME, --param")
    for side in [given["side"]] if "side" in given else registry.REGISTRY[args.name].sides:
        for exits in ({}, EXITS):
            setup = strategy_of(args.name, {**exits, "side": side, **given}, source="NAME, --param")
            bars, index = priced(args.bars, setup.lookback, needs(setup))
            found = battery.failures(setup, bars, index=index)
            failed = failed or bool(found)
            print(f"[{'FAIL' if found else 'PASS'}] {args.name} side={side} {'with' if exits else 'without'} exits")
            print("".join(f"  {what}\n" for what in found), end="")
    return ExitCode.BAD_DATA if failed else ExitCode.OK


def priced(path: Path | None, lookback: int, index: str | None) -> tuple[Bars, Bars | None]:
    """(the prices, those of the index). Raises MissingInputError when the file has no such index."""
    if path is None:
        n = max(FEWEST, 4 * lookback)
        return walk(n, seed=1), walk(n, seed=2) if index else None
    series = read_bar_file(path)
    if index and index not in series:
        raise MissingInputError(f"{path}: no symbol {index}, which the strategy follows")
    first = next((symbol for symbol in series if symbol != index), None)
    if first is None:
        raise MissingInputError(f"{path}: no symbol other than {index}")
    bars = series[first]
    return bars.slice(max(0, len(bars) - MOST), len(bars)), series[index] if index else None


def walk(n: int, *, seed: int) -> Bars:
    """Made-up prices that wander, a bar a day."""
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.012, n))), 2)
    opening = np.round(np.concatenate((close[:1], close[:-1])) * np.exp(rng.normal(0, 0.004, n)), 2)
    return Bars(
        ts_ms=np.arange(10_000, 10_000 + n, dtype=np.int64) * 86_400_000,
        open=opening,
        high=np.maximum(opening, close) + 0.3,
        low=np.minimum(opening, close) - 0.3,
        close=close,
        volume=rng.integers(1_000, 100_000, n).astype(np.float64),
    )


if __name__ == "__main__":
    sys.exit(run(main))
