"""Where bars come from, behind one small interface. `provider(NAME)` makes one; nothing heavy is imported before that.

Ask through `pyjobs.market.providers.asking.ask.ask`: it holds the machine-wide state, the retries and ALLOW_NET_FETCH.
"""

from __future__ import annotations

import importlib

from pyjobs.market.provider_names import MADE_BY, NAMES, RATE_LIMIT_GROUPS
from pyjobs.market.providers.base import (
    BarRequest,
    ConfirmedEmpty,
    Fetched,
    NotSetUp,
    Provider,
    Refused,
)
from utils.errors import ConfigError

__all__ = [
    "NAMES",
    "RATE_LIMIT_GROUPS",
    "BarRequest",
    "ConfirmedEmpty",
    "Fetched",
    "NotSetUp",
    "Provider",
    "Refused",
    "provider",
]


def provider(name: str) -> Provider:
    """The provider of that name. Raises ConfigError for a name that is not one of `NAMES`."""
    if name not in MADE_BY:
        raise ConfigError(f"unknown provider {name!r} (known: {', '.join(NAMES)})")
    module, cls = MADE_BY[name]
    made: Provider = getattr(importlib.import_module(f"{__name__}.{module}"), cls)()
    return made
