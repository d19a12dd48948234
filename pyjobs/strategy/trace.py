"""Which bars does a decision see? A strategy run on `Traced` arrays shows it for every bar, for the cost of one run.

A traced array carries, with its values, the span of bars each element depends on, relative to its own bar: `first`
(oldest, <= 0 as a rule) to `last` (0: the bar itself; above 0: the future). Elementwise functions unite spans, a slice
shifts them, an indicator widens them by its window. What cannot be followed raises `NotTraceable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

P = ParamSpec("P")
R = TypeVar("R")

_memory: ContextVar[Memory | None] = ContextVar("indicators", default=None)


class Memory:
    """Results with what they were made of, at most `room` values of both: what was not asked for longest goes first."""

    def __init__(self, room: int | None) -> None:
        self._left = room
        self._known: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    def found(self, function: Callable[..., R], args: tuple[Any, ...]) -> R:
        """`function(*args)`, computed unless it is known."""
        key = (function, *[id(x) if type(x) is np.ndarray else x for x in args])
        entry = self._known.get(key)
        if entry is None:
            entry = args, function(*args)  # args: an id is an array's own only while it lives
            if self._left is not None:
                self._make_room(_values(entry))
        elif self._left is not None:
            del self._known[key]  # back in as the newest
        self._known[key] = entry
        result: R = entry[1]
        return result

    def _make_room(self, size: int) -> None:
        assert self._left is not None
        self._left -= size
        while self._left < 0 and self._known:
            self._left += _values(self._known.pop(next(iter(self._known))))


def _values(entry: tuple[tuple[Any, ...], Any]) -> int:
    made = entry[1] if isinstance(entry[1], tuple) else (entry[1],)
    return sum(x.size for x in (*entry[0], *made) if isinstance(x, np.ndarray))


class NotTraceable(Exception):
    """The code did something to its arrays that spans cannot follow."""


class Traced(NDArrayOperatorsMixin):
    """`values` with the span of bars, relative to its own position, that each element depends on."""

    __slots__ = ("first", "last", "values")

    def __init__(self, values: np.ndarray[Any, Any], first: int = 0, last: int = 0) -> None:
        self.values, self.first, self.last = values, first, last

    @property
    def size(self) -> int:
        """As ndarray.size: known before any bar is, so it shows nothing about prices."""
        return int(self.values.size)

    @property
    def shape(self) -> tuple[int, ...]:
        """As ndarray.shape."""
        return (self.size,)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, at: Any) -> Traced:
        if not isinstance(at, slice) or at.step not in (None, 1):
            raise NotTraceable(f"indexed by {at!r}, not by a plain slice")
        start, _, _ = at.indices(self.size)
        return Traced(self.values[at], self.first + start, self.last + start)

    def astype(self, dtype: Any) -> Traced:
        """As ndarray.astype."""
        return Traced(self.values.astype(dtype), self.first, self.last)

    def view(self, dtype: Any) -> Traced:
        """As ndarray.view to a type of the same width."""
        return Traced(self.values.view(dtype), self.first, self.last)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotTraceable(f".{name} may reach over bars")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray[Any, Any]:
        raise NotTraceable("turned into a plain array (assigned into one, or np.asarray)")

    def __bool__(self) -> bool:
        raise NotTraceable("used as a condition")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Traced:
        if method != "__call__" or "out" in kwargs:
            raise NotTraceable(f"np.{ufunc.__name__}.{method} reaches over bars")
        return united(ufunc(*(_plain(x) for x in inputs), **kwargs), inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Traced:
        if func is np.where and len(args) == 3:
            return united(np.where(*(_plain(x) for x in args)), args)
        if func is np.concatenate and isinstance(args[0], tuple | list) and not kwargs:
            return _concatenated(args[0])
        if func in (np.full_like, np.zeros_like, np.ones_like, np.empty_like):
            return Traced(func(args[0].values, *args[1:], **kwargs))
        if func in (np.isnan, np.isfinite):
            return Traced(func(args[0].values), args[0].first, args[0].last)
        raise NotTraceable(f"np.{func.__name__} may reach over bars")


def united(values: Any, inputs: Any) -> Traced:
    """`values`, made element by element from `inputs`; those of one element belong to no bar."""
    traced = [x for x in inputs if isinstance(x, Traced)]
    if any(x.size != values.size for x in traced):
        raise NotTraceable("arrays of different lengths side by side")
    return Traced(values, min(x.first for x in traced), max(x.last for x in traced))


def windowed(span: Callable[..., int]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Marks an indicator: element t depends on `span(its numbers)` elements ending at t of each array given.

    Makes it traceable, and within `remembering()` computed once per array and numbers.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for x in args:
                if type(x) is Traced:
                    seen: R = _traced_call(function, span, args, kwargs)
                    return seen
            memory = _memory.get()
            if memory is None or kwargs:
                return function(*args, **kwargs)
            return memory.found(function, args)

        return call

    return decorate


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Marks what indicators are made of, of plain arrays: within `remembering()` it is computed once per array."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        memory = _memory.get()
        return function(*args, **kwargs) if memory is None or kwargs else memory.found(function, args)

    return call


@contextmanager
def remembering(room: int | None = None) -> Iterator[None]:
    """Indicators of one array and one window are computed once in here. The arrays must not be written to.

    `room`: how many values are kept (None: all).
    """
    token = _memory.set(Memory(room))
    try:
        yield
    finally:
        _memory.reset(token)


def _traced_call(function: Callable[..., Any], span: Callable[..., int], args: Any, kwargs: Any) -> Any:
    numbers = [x for x in args if isinstance(x, int | float)] + list(kwargs.values())
    result = function(*(_plain(x) for x in args), **kwargs)
    traced = united(result, [x for x in args if isinstance(x, Traced)])
    return Traced(result, traced.first - (span(*numbers) - 1), traced.last)


def _plain(value: Any) -> Any:
    return value.values if isinstance(value, Traced) else value


def _concatenated(parts: Any) -> Traced:
    at, spans = 0, []
    for part in parts:
        if isinstance(part, Traced):
            spans.append((part.first - at, part.last - at))
        at += len(part)
    return Traced(
        np.concatenate([_plain(part) for part in parts]), min(first for first, _ in spans), max(x for _, x in spans)
    )
