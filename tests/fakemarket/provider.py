"""What every imitated provider has to say for itself."""

from __future__ import annotations

from typing import Protocol

from tests.fakemarket.market import Market
from tests.fakemarket.wire import Reply, Request


class Provider(Protocol):
    """`paths` are the beginnings by which a request without a known host is recognised."""

    @property
    def name(self) -> str: ...
    @property
    def hosts(self) -> tuple[str, ...]: ...
    @property
    def paths(self) -> tuple[str, ...]: ...
    @property
    def null_bars(self) -> bytes: ...

    def reset(self) -> None:
        """Forget sessions, crumbs and whatever a test has set."""

    def answer(self, request: Request, market: Market) -> Reply:
        """The right answer, the provider's own errors for wrong questions included."""

    def failure(self, status: int, variant: str, /) -> Reply:
        """The body that comes with `status` when this provider is in trouble; `variant` picks another."""

    def rename(self, body: bytes) -> bytes:
        """A right answer with its fields under other names."""
