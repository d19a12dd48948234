"""Numbers and states as cells of the journal, and back to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import FLAT

FLAT_STATE = "flat"
SIDES = {0.0: "flat", 1.0: "long", -1.0: "short"}
_WHOLE = 2.0**53
KEPT = 4096
_said: dict[float, str] = {}  # texts of a state's numbers: most stay from bar to bar


def number(value: float) -> str:
    """The shortest text that reads as the same float64; whole numbers without a point, `-` for NaN."""
    if value != value:
        return "-"
    return str(int(value)) if -_WHOLE < value < _WHOLE and value == int(value) else repr(value)


def number_in(cell: str) -> float:
    """The inverse of `number`."""
    return nan if cell == "-" else float(cell)


def state_text(s: Sequence[float]) -> str:
    """The kernel's state vector: `flat`, or its fifteen numbers in the kernel's order, separated by `|`."""
    if s[kernel.SIDE] == 0.0 and s[kernel.ORDER] == 0.0:
        return FLAT_STATE
    if len(_said) > KEPT:
        _said.clear()
    known = _said.get
    return "|".join([known(value) or _say(value) for value in s])


def _say(value: float) -> str:
    _said[value] = text = number(value)
    return text


def state_in(cell: str) -> list[float]:
    """The vector that `state_text` wrote. Raises ValueError for anything else."""
    if cell == FLAT_STATE:
        return FLAT.vector()
    values = [number_in(each) for each in cell.split("|")]
    if len(values) != kernel.STATE:
        raise ValueError(f"a state has {kernel.STATE} numbers, not {len(values)}")
    return values
