"""The breakout under the name that desks have for it."""

from __future__ import annotations

from pyjobs.strategy.library.breakout import ENTRY

__all__ = ["ENTRY"]
