"""Nightdesk's data as pandas DataFrames: `from pyjobs import frames`. docs/frames.ipynb has examples.

Frames come out typed, with UTC times, as copies: nothing done to one changes what is stored. Nothing here imports
pandas before a frame is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyjobs.frames.done_jobs import history
    from pyjobs.frames.incoming import from_ccxt, from_yfinance, store, write_bars
    from pyjobs.frames.of_runs import decisions, equity, metrics, runs, trades
    from pyjobs.frames.on_frames import strategy
    from pyjobs.frames.stored import bars, desk, instruments, series

_HOMES = {
    "done_jobs": ("history",),
    "incoming": ("from_ccxt", "from_yfinance", "store", "write_bars"),
    "of_runs": ("decisions", "equity", "metrics", "runs", "trades"),
    "on_frames": ("strategy",),
    "stored": ("bars", "desk", "instruments", "series"),
}
__all__ = [
    "bars",
    "decisions",
    "desk",
    "equity",
    "from_ccxt",
    "from_yfinance",
    "history",
    "instruments",
    "metrics",
    "runs",
    "series",
    "store",
    "strategy",
    "trades",
    "write_bars",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
