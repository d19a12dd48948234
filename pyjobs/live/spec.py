"""The definition of one loop: its series, its strategy, its paper money.

It comes from config/live.yaml, from the environment, or from its own journal, every row of which has all of it in one
cell.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from pyjobs.account.single import cadence, engine, equity_loop
from pyjobs.account.single.cadence import Steady
from pyjobs.account.single.engine import Money
from pyjobs.live.deciding import core, one_bar, seen
from pyjobs.live.deciding.core import Lane
from pyjobs.live.journal import cells
from pyjobs.live.journal.journal import Identity
from pyjobs.live.journal.place import Place, checked_symbol, checked_tag
from pyjobs.market.bars import DAY_MS, TIMEFRAME_MS, IntArray, SeriesKey
from pyjobs.strategy import kernel, library
from pyjobs.strategy.exits import OWN
from pyjobs.strategy.registry import make_setup, needs
from utils import paths, trading_day
from utils.cli import name_and_value, value_of
from utils.errors import ConfigError, UsageError
from utils.files import os_files

FORMAT = 1  # of the journal: a change of its columns is another
ROUND_THE_CLOCK = "24/7"
Value = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One loop. `stored`: what the series is called in the store. Money in the instrument's own currency. `actions`: a
    file of splits, which decide nothing before they are in bars.csv: not of the fingerprint. `home`: see
    `Place`."""

    tag: str
    exchange: str
    symbol: str
    stored: str
    timeframe: str
    market: str
    strategy: str
    params: tuple[tuple[str, Value], ...] = ()
    cash: float = 10_000.0
    fee_bps: float = 0.0
    max_gap_bars: int = 0
    actions: str = ""
    home: Path | None = None

    @property
    def key(self) -> SeriesKey:
        """The stored series."""
        return SeriesKey(exchange=self.exchange, symbol=self.stored, timeframe=self.timeframe)

    @property
    def place(self) -> Place:
        """Where its journal is."""
        return Place(tag=self.tag, symbol=self.symbol, timeframe=self.timeframe, home=self.home)

    @property
    def text(self) -> str:
        """Everything that decides, in one cell: `ma_cross:fast=5;slow=20;cash=10000.0;…`."""
        own = ";".join(f"{name}={value}" for name, value in sorted(self.params))
        money = f"cash={self.cash!r};fee_bps={self.fee_bps!r};max_gap_bars={self.max_gap_bars}"
        return f"{self.strategy}:{own}{';' if own else ''}{money};market={self.market}"

    @property
    def fingerprint(self) -> str:
        """A fingerprint of the strategy's and of the series."""
        whole = f"{FORMAT} {self.exchange} {self.stored} {self.timeframe} {self.text}"
        return hashlib.sha256(whole.encode()).hexdigest()[:12]

    @property
    def identity(self) -> Identity:
        """The cells that each row must have."""
        return Identity(self.exchange, self.symbol, self.timeframe, self.text, self.fingerprint)

    def lane(self, source: str) -> Lane:
        """The loop made ready to decide. Raises ConfigError; `source` is where the strategy was named."""
        setup = make_setup(self.strategy, dict(self.params), source=source)
        if index := needs(setup):
            raise ConfigError(
                f"{source}: {self.strategy} decides by {index} and its own bars, and a loop journals its own bars "
                "alone: choose a strategy without an index"
            )
        if self.max_gap_bars and self.market != ROUND_THE_CLOCK:
            raise ConfigError(
                f"{source}: max_gap_bars {self.max_gap_bars}: {self.market} is closed every night; gaps can be judged "
                "on a market round the clock only (0: a gap is simply the next bar)"
            )
        return Lane(
            exchange=self.exchange,
            symbol=self.symbol,
            timeframe=self.timeframe,
            setup=Steady(setup=setup, step_ms=TIMEFRAME_MS[self.timeframe], most=self.max_gap_bars),
            strategy=self.text,
            fingerprint=self.fingerprint,
            money=Money(cash=self.cash, fee_bps=self.fee_bps),
            days=lambda ts_ms: market_days(self.market, ts_ms),
        )


def market_days(market: str, ts_ms: IntArray) -> IntArray:
    """The market's own day of each close, as days since 1970; midnight belongs to the day that it ends."""
    if market == ROUND_THE_CLOCK:
        return (ts_ms - 1) // DAY_MS
    since, east = np.array(trading_day.load(market).offsets, np.int64).T
    at = np.maximum(np.searchsorted(since * 1000, ts_ms, side="right") - 1, 0)
    return np.asarray((ts_ms - 1 + east[at] * 1000) // DAY_MS, np.int64)


def checked(spec: Spec, source: str) -> Spec:
    """The spec. Raises UsageError for a tag or symbol that cannot be, ConfigError for money that cannot."""
    checked_tag(spec.tag, source)
    checked_symbol(spec.symbol, source)
    if not 0 < spec.cash < float("inf"):
        raise ConfigError(f"{source}: cash {spec.cash} is not an amount above zero")
    if not 0 <= spec.fee_bps < 10_000:
        raise ConfigError(f"{source}: fee_bps {spec.fee_bps} is not within 0..10000")
    if spec.max_gap_bars < 0:
        raise ConfigError(f"{source}: max_gap_bars {spec.max_gap_bars} is below zero")
    if any(set(f"{name}{value}") & set(',;=\n"') for name, value in spec.params):
        raise ConfigError(f"{source}: a parameter holds a comma, semicolon or quote")
    return spec


def of_row(tag: str, row: list[str], stored: str, source: str) -> Spec:
    """The spec that a row of a journal holds. Raises ConfigError where the cell is not one of ours."""
    exchange, symbol, timeframe = row[:3]
    name, colon, rest = row[9].partition(":")
    values = dict(each.partition("=")[::2] for each in rest.split(";"))
    try:
        cash, fee, gap = float(values.pop("cash")), float(values.pop("fee_bps")), int(values.pop("max_gap_bars"))
        market = values.pop("market")
    except (KeyError, ValueError):
        raise ConfigError(f"{source}: {row[9]!r} is no strategy with its parameters and money") from None
    if timeframe not in TIMEFRAME_MS:
        raise ConfigError(f"{source}: {timeframe!r} is no timeframe (known: {', '.join(TIMEFRAME_MS)})")
    params = tuple((key, value_of(text)) for key, text in values.items())
    return checked(
        Spec(
            tag=tag, exchange=exchange, symbol=symbol, stored=stored, timeframe=timeframe, market=market,
            strategy=name if colon else "", params=params, cash=cash, fee_bps=fee, max_gap_bars=gap,
        ),
        source,
    )  # fmt: skip


def params_of(text: str, source: str) -> dict[str, Value]:
    """`fast=5,slow=20` as a mapping. Raises UsageError."""
    found: dict[str, Value] = {}
    for each in filter(None, (part.strip() for part in text.split(","))):
        name, value = name_and_value(each, f"{source}:")
        if name in found:
            raise UsageError(f"{source}: {name} is given twice")
        found[name] = value_of(value)
    return found


def checked_params(params: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    """In one order, whatever the file's."""
    return tuple(sorted(params.items()))


@lru_cache(maxsize=8)
def code_of(strategy: str) -> str:
    """The code that decides, as it is on this disk: strategy, kernel, indicators, windows, core, money. Twelve
    digits.
    """
    files = [*sorted(Path(kernel.__file__).parent.glob("*.py")), *_written(strategy)]
    files += [Path(str(each.__file__)) for each in (cadence, engine, equity_loop, core, one_bar, seen, cells)]
    return hashlib.sha256(b"\0".join(os_files.held_bytes(path) for path in files)).hexdigest()[:12]


def _written(strategy: str) -> list[Path]:
    """The strategy's file, and what it imports of other strategies, of the user's own files and of frames."""
    ours, own = Path(next(iter(library.__path__))), paths.root() / OWN
    folders = (ours, Path(kernel.__file__).parents[1] / "frames", own)
    known = [each for folder in folders for each in sorted(os_files.files_below(folder)) if each.suffix == ".py"]
    found, words = list[Path](), {strategy}
    while more := [path for path in known if path not in found and _name_of(path) in words]:
        found += more
        words = words.union(*map(_imported, more))
    return found


def _name_of(path: Path) -> str:
    return path.parent.name if path.stem == "__init__" else path.stem


def _imported(path: Path) -> set[str]:
    """The words of its imports; none where it is no Python, which a step refuses."""
    try:
        tree = ast.parse(os_files.held_bytes(path))
    except (SyntaxError, ValueError):
        return set()
    lines = [each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom)]
    texts = [alias.name for each in lines for alias in each.names]
    texts += [each.module or "" for each in lines if isinstance(each, ast.ImportFrom)]
    return {word for text in texts for word in text.split(".")}
