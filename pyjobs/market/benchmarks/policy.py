"""config/data_sources.yaml: which providers are asked for a benchmark, in which order, and by which names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pyjobs.market.providers import NAMES
from utils import clock
from utils.settings.config import Key, load_yaml, own_or_default, wrong
from utils.trading_day import known_markets

FILE = "data_sources.yaml"
LOCAL = ("local_cache", "parquet")


class Symbols(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each provider's name for the benchmark; `local_keys` are the names local files may have."""

    pykrx_index: str = ""
    yf_index: str = ""
    yf_etf: str = ""
    bitfinex: str = ""
    ccxt: str = ""
    alpaca: str = ""
    local_keys: list[str] = []

    def of(self, provider: str) -> str:
        """The provider's own name for it; empty for a local one, or where none is given."""
        return str(getattr(self, provider, ""))


class BenchmarkSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One benchmark. Only `providers` and `symbols` must stand in the file.

    `market` is the calendar its days follow (default: by the Yahoo symbol); `start` the first day that is downloaded.
    """

    providers: list[str]
    symbols: Symbols = Symbols()
    market: str = ""
    start: str = "2010-01-01"

    @property
    def start_ms(self) -> int:
        """UTC milliseconds of midnight at the beginning of `start`."""
        return int(dt.datetime.fromisoformat(self.start).replace(tzinfo=dt.UTC).timestamp()) * 1000

    def local_names(self, name: str) -> tuple[str, ...]:
        """The possible names of a file or a stored series of benchmark `name`: `local_keys`, Yahoo's symbols, its name.

        Not KRX's number of it (1001), which elsewhere may be a share's.
        """
        known = (*self.symbols.local_keys, self.symbols.yf_index, self.symbols.yf_etf, name)
        return tuple(dict.fromkeys(each for each in known if each))


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `required`: without one of these that was asked for, a backtest skips as a whole."""

    benchmarks: dict[str, BenchmarkSource]
    required: tuple[str, ...] = ("KOSPI",)

    def market_of(self, name: str) -> str:
        """The market of the benchmark's sessions."""
        benchmark = self.benchmarks[name]
        yahoo = benchmark.symbols.yf_index or benchmark.symbols.yf_etf
        return benchmark.market or ("XKRX" if benchmark.symbols.pykrx_index else market_by_yahoo(yahoo))


MARKET_OF_ENDING = {
    "T": "XTKS", "L": "XLON", "DE": "XETR", "PA": "XPAR", "AS": "XAMS", "SW": "XSWX", "MI": "XMIL", "MC": "XMAD",
    "ST": "XSTO", "HK": "XHKG", "SS": "XSHG", "SZ": "XSHG", "TW": "XTAI", "AX": "XASX", "TO": "XTSE", "NS": "XBOM",
    "BO": "XBOM", "SI": "XSES",
}  # fmt: skip
"""Which market a Yahoo symbol with this ending trades on."""


def load_policy(path: Path | None = None) -> Policy:
    """The policy in `path`; by default secret/data_sources.yaml when it exists, else config/data_sources.yaml.

    Raises ConfigError with file, line, key and value.
    """
    path = path or own_or_default(FILE)
    policy = load_yaml(path, Policy)
    for keys, what in problems(policy, known_markets()):
        raise wrong(path, keys, what)
    return policy


def problems(policy: Policy, markets: list[str]) -> Iterator[tuple[list[Key], str]]:
    """(where, what) for everything wrong with a policy that its types alone do not show."""
    for name, benchmark in policy.benchmarks.items():
        at: list[Key] = ["benchmarks", name]
        if not benchmark.providers:
            yield [*at, "providers"], "no provider is named"
        for i, provider in enumerate(benchmark.providers):
            if provider not in NAMES:
                yield [*at, "providers", i], f"unknown provider {provider!r} (known: {', '.join(NAMES)})"
            elif provider in benchmark.providers[:i]:
                yield [*at, "providers", i], f"{provider!r} is named twice"
            elif provider not in LOCAL and not benchmark.symbols.of(provider):
                yield (
                    [*at, "symbols"],
                    f"{provider} is in the order, but symbols.{provider} does not name what to ask it for",
                )
        if policy.market_of(name) not in markets:
            yield [*at, "market"], f"unknown market {policy.market_of(name)!r} (known: {', '.join(markets)})"
        if not clock.is_date(benchmark.start):
            yield [*at, "start"], f"{benchmark.start!r} is not a date like 2010-01-31"


def market_by_yahoo(symbol: str) -> str:
    """The market a Yahoo symbol trades on, by its ending; the few indexes without an ending are listed."""
    if symbol.endswith((".KS", ".KQ")) or symbol in ("^KS11", "^KS200", "^KQ11"):
        return "XKRX"
    if symbol == "^N225":
        return "XTKS"
    ending = symbol.rpartition(".")[2] if "." in symbol else ""
    if ending in MARKET_OF_ENDING:
        return MARKET_OF_ENDING[ending]
    return "XNYS" if symbol and not symbol.endswith("-USD") else "24/7"
