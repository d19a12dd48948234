"""Imports of a client that take long and send nothing, done before the question comes."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

LOADED_FIRST = {
    "yfinance": ("yfinance", "yfinance.scrapers.history", "curl_cffi.requests"),
    "ccxt": ("ccxt",),
    "alpaca": ("alpaca.data.historical.stock", "alpaca.data.requests"),
    "pykrx": ("pykrx.stock",),  # logs in while imported only when the environment has KRX_ID, which it has not yet
    "pykrx_shares": ("pykrx.website.krx.market.core",),
}


def load(client: str) -> None:
    """Import what takes long and sends nothing; what is missing is reported when the question is there."""
    import requests  # noqa: F401 - for watch_requests

    with suppress(ImportError):
        if client.startswith("pykrx"):
            _without_pictures()
        for module in LOADED_FIRST[client]:
            import_module(module)


def _without_pictures() -> None:
    """Make pykrx importable part by part: the package itself loads matplotlib for half a second, its parts need none.

    Raises ImportError where it is not installed.
    """
    found = find_spec("pykrx")
    if found is None:
        raise ImportError("pykrx")
    package = sys.modules["pykrx"] = ModuleType("pykrx")
    package.__path__, package.__spec__ = list(found.submodule_search_locations or ()), found
