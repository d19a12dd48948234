"""The grid of a sweep: `--sweep K=VALUES` as axes, and every combination of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

from utils.cli import name_and_value
from utils.errors import UsageError

Value = int | float | str
LONGEST = 10_000
MOST_TRIALS = 10_000
_WRITE = "write K=1,2,3 or K=FIRST..LAST or K=FIRST..LAST:STEP"


def axes_of(texts: Iterable[str], *, params: Iterable[str] = ()) -> dict[str, list[Value]]:
    """The axes in their order. Raises UsageError as `axis`, and for a name that is given twice or in `params` (K=V)."""
    found: dict[str, list[Value]] = {}
    fixed = {param.partition("=")[0] for param in params}
    for text in texts:
        name, values = axis(text)
        if name in found or name in fixed:
            raise UsageError(f"--sweep {text!r}: {name} is already given by another --sweep or a --param")
        found[name] = values
    return found


def axis(text: str) -> tuple[str, list[Value]]:
    """`fast=5,10,20`, `side=long,both`, or `slow=40..120:20` from 40 to 120 (included) by 20 (by 1 when left out).

    Whole numbers are int. Raises UsageError for anything else, a value that is given twice, and an endless range.
    """
    name, values = name_and_value(text, "--sweep", f"an axis: {_WRITE}")
    first, dots, rest = values.partition("..")
    last, _, step = rest.partition(":")
    try:
        found = _range(float(first), float(last), float(step or 1)) if dots else list(map(_value, values.split(",")))
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise UsageError(f"--sweep {text!r}: {_why(error)}{_WRITE}") from None
    if len(set(found)) < len(found):
        raise UsageError(f"--sweep {text!r}: needs values that are given once")
    return name, found


def grid(axes: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Every combination, the last axis running fastest."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def refuse_more_than_trials(axes: Mapping[str, Sequence[Value]]) -> None:
    """Raise UsageError for more than MOST_TRIALS combinations, or values that are no numbers."""
    count = math.prod(len(values) for values in axes.values())
    if count > MOST_TRIALS:
        raise UsageError(f"--sweep: {count} combinations are more than {MOST_TRIALS}")
    for name, values in axes.items():
        if words := [value for value in values if isinstance(value, str)]:
            raise UsageError(
                f"--sweep {name}={','.join(words)}: on a desk, numbers only; use --param {name}={words[0]}"
            )


class _Why(ValueError):
    """A range that cannot be, with its reason."""


def _why(error: Exception) -> str:
    return (
        "a step of 0 goes nowhere; " if isinstance(error, ZeroDivisionError) else str(error) * isinstance(error, _Why)
    )


def _value(text: str) -> Value:
    """A finite number (int when whole), else a word."""
    try:
        return _whole(float(text))
    except ValueError:
        if text.strip().isidentifier() and text.strip().lower() not in ("nan", "inf", "infinity"):
            return text.strip()
        raise


def _whole(number: float) -> int | float:
    if not math.isfinite(number):
        raise ValueError(number)
    return int(number) if number == int(number) else number


def _range(first: float, last: float, step: float) -> list[Value]:
    if (last - first) * step < 0:
        raise _Why(f"from {first:g} by {step:g} one never comes to {last:g}; ")
    count = math.floor((last - first) / step + 1e-9) + 1
    if count > LONGEST:
        raise _Why(f"{count} values are more than {LONGEST}; ")
    return [_whole(first + step * number) for number in range(count)]
