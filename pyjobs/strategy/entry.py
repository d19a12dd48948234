"""What a strategy's file must declare to be found, made from a config file and tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pyjobs.strategy.signals import Setup

Sides = Literal["long", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How to make one strategy: its type, the inclusive range of each (whole-number) parameter, pairs that must ascend.

    `floats`: the ranges of those that need not be whole. `names`: parameters that are the name of something. Every type
    also takes `side`: `long`, or, where it has a short side, `both`. `volume`: whether it reads volume, and so refuses
    series without; None: whether the file of one of the user's own names it.
    """

    make: Callable[..., Setup]
    ranges: Mapping[str, tuple[float, float]]
    ascending: tuple[tuple[str, str], ...] = field(default=())
    names: tuple[str, ...] = ()
    floats: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    sides: tuple[Sides, ...] = ("long", "both")
    volume: bool | None = None


def plain(price: float) -> str:
    """A price for a sentence: no exponent, two decimals from 100 on, six below, no trailing zeros."""
    text = f"{price:.{2 if price >= 100 else 6}f}"
    return text.rstrip("0").rstrip(".")
