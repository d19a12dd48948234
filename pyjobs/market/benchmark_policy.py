"""config/data_sources.yaml as types: which benchmarks there are, where each comes from, and which must be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from utils.config import Key, load_yaml, wrong

LOCAL_PROVIDERS = ("local_cache", "parquet")
NETWORK_PROVIDERS = ("pykrx_index", "yf_index", "yf_etf")
LOCAL_KEYS = "local_keys"


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One benchmark: providers in the order they are asked, and what it is called there (`local_keys`: a list)."""

    providers: list[str]
    symbols: dict[str, str | list[str]] = {}

    @property
    def local_keys(self) -> list[str]:
        """The names to look for on this machine, the most wanted first."""
        keys = self.symbols.get(LOCAL_KEYS, [])
        return [keys] if isinstance(keys, str) else list(keys)


class DataSources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `required`: without one of these that was asked for, a backtest skips as a whole."""

    benchmarks: dict[str, Source]
    required: tuple[str, ...] = ("KOSPI",)


def load_policy(path: Path) -> DataSources:
    """The policy in the file at `path`, checked as a whole. Raises ConfigError with file, line, key and value."""
    policy = load_yaml(path, DataSources)
    for keys, what in problems(policy.benchmarks):
        raise wrong(path, keys, what)
    return policy


def problems(benchmarks: Mapping[str, Source]) -> Iterator[tuple[list[Key], str]]:
    """(where, what) for everything wrong with the policy that its types alone cannot say."""
    known = (*LOCAL_PROVIDERS, *NETWORK_PROVIDERS)
    for name, source in benchmarks.items():
        if not source.providers:
            yield ["benchmarks", name, "providers"], f"no provider is named (known: {', '.join(known)})"
        for place, provider in enumerate(source.providers):
            if provider not in known:
                yield (
                    ["benchmarks", name, "providers", place],
                    f"unknown provider {provider!r} (known: {', '.join(known)})",
                )
            elif provider in NETWORK_PROVIDERS and not isinstance(source.symbols.get(provider), str):
                yield ["benchmarks", name, "symbols"], f"{provider} is asked, but symbols has no {provider}"
            elif provider in LOCAL_PROVIDERS and not source.local_keys:
                yield ["benchmarks", name, "symbols"], f"{provider} is asked, but symbols has no {LOCAL_KEYS}"
