"""The one way to ask a provider about many symbols: one answer or one error for each, and no symbol hides another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyjobs.market.providers.ask import Patience, ask
from pyjobs.market.providers.base import BarRequest, Fetched, Provider
from pyjobs.market.providers.state import StateBook
from utils.errors import NightdeskError

Answered = tuple[BarRequest, Fetched | NightdeskError]


def ask_many(
    provider: Provider, requests: Sequence[BarRequest], *, book: StateBook, patience: Patience
) -> Iterator[Answered]:
    """Each request with its bars, or with the error `ask` raises for it, in the order the answers come."""
    for request in requests:
        try:
            yield request, ask(provider, request, book=book, patience=patience)
        except NightdeskError as error:
            yield request, error
