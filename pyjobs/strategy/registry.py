"""Every setup by name, with the range each parameter may lie in. What is not listed here does not exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyjobs.strategy.setups import Breakout, MaCross, Pullback
from pyjobs.strategy.signals import Setup
from utils.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How to make one setup: its type, the inclusive range of each (whole-number) parameter, pairs that must ascend."""

    make: Callable[..., Setup]
    ranges: Mapping[str, tuple[int, int]]
    ascending: tuple[tuple[str, str], ...] = field(default=())


REGISTRY: dict[str, Entry] = {
    "ma_cross": Entry(make=MaCross, ranges={"fast": (1, 1000), "slow": (2, 2000)}, ascending=(("fast", "slow"),)),
    "breakout_20": Entry(make=Breakout, ranges={"window": (2, 1000), "exit_window": (1, 1000)}),
    "pullback_ma200": Entry(
        make=Pullback, ranges={"trend": (2, 2000), "dip": (2, 1000), "hold": (0, 10000)}, ascending=(("dip", "trend"),)
    ),
}


def make_setup(name: str, params: Mapping[str, int | float], *, source: str) -> Setup:
    """The setup `name` with `params` (those left out keep their defaults). `source` names the file, for messages.

    Raises ConfigError for an unknown name or parameter, a value that is not whole or out of range, or windows that do
    not ascend; the message says what is known and allowed.
    """
    if name not in REGISTRY:
        raise ConfigError(f"{source}: setups: unknown setup '{name}'; known: {', '.join(sorted(REGISTRY))}")
    entry = REGISTRY[name]
    for key, value in params.items():
        _check(f"{source}: setups.{name}", key, value, entry.ranges)
    setup = entry.make(**{key: int(value) for key, value in params.items()})
    for smaller, larger in entry.ascending:
        small, large = getattr(setup, smaller), getattr(setup, larger)
        if small >= large:
            raise ConfigError(f"{source}: setups.{name}: {smaller} {small} must be less than {larger} {large}")
    return setup


def make_setups(configured: Mapping[str, Mapping[str, int | float]], *, source: str) -> dict[str, Setup]:
    """Every configured setup by name, in the order of the file. Raises ConfigError as `make_setup`."""
    return {name: make_setup(name, params, source=source) for name, params in configured.items()}


def _check(where: str, key: str, value: int | float, ranges: Mapping[str, tuple[int, int]]) -> None:
    if key not in ranges:
        raise ConfigError(f"{where}: unknown parameter '{key}'; known: {', '.join(ranges)}")
    low, high = ranges[key]
    if isinstance(value, bool) or value != value or value in (float("inf"), float("-inf")) or int(value) != value:
        raise ConfigError(f"{where}.{key}: {value!r} is not a whole number")
    if not low <= value <= high:
        raise ConfigError(f"{where}.{key}: {value} is outside {low}..{high}")
