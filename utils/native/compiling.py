"""Plain Python loops into machine code, by numba: what `native.load` does where it is not done yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numba
import numba.extending

from utils.native import NUMBERS, Kind, kinds, signature


def compiled(modules: Sequence[ModuleType], exports: Sequence[Callable[..., Any]]) -> bytes:
    """A JSON line with each export's symbol and size, then their object files one after the other."""
    world: dict[str, Any] = {}
    own: dict[str, FunctionType] = {}
    for module in modules:
        world.update(vars(module))
        own.update({n: f for n, f in vars(module).items() if isinstance(f, FunctionType)})
    copies = {name: FunctionType(f.__code__, world, name, f.__defaults__) for name, f in own.items()}
    inner: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # a third of the time
    world.update({name: numba.njit(**inner)(copy) for name, copy in copies.items()})
    world["tail"] = _tail_of_a_pointer()
    index, objects = [], []
    for function in exports:
        entry, (result, *arguments) = _entry(function, world), map(_numba_type, signature(function))
        made: Any = numba.cfunc(result(*arguments), error_model="numpy")(entry)
        code = made._library._get_compiled_object()
        index.append((function.__name__, made.native_name, len(code)))
        objects.append(code)
    return json.dumps(index).encode() + b"\n" + b"".join(objects)


def _tail_of_a_pointer() -> Any:
    """What `tail` is in compiled code."""

    def typed(_: Any, pointer: Any, __: Any) -> Any:
        return pointer(pointer, numba.types.int64), lambda _, builder, __, given: builder.gep(given[0], [given[1]])

    return numba.extending.intrinsic(typed)


def _numba_type(kind: Kind) -> Any:
    types: Any = numba.types  # has hints for some of its names only
    if kind in NUMBERS:
        return types.int64 if kind is int else types.float64
    return types.CPointer(getattr(types, kind))


def _entry(function: Callable[..., Any], world: dict[str, Any]) -> Any:
    """A function of plain arguments that makes the tuples of `function` and calls it."""
    given, passed = 0, []
    for kind in kinds(function)[1:]:
        size = len(kind[1]) if isinstance(kind, tuple) else 1
        names = ", ".join(f"a{given + i}" for i in range(size))
        passed.append(f"{kind[0]}({names})" if isinstance(kind, tuple) else names)
        given += size
    arguments = ", ".join(f"a{i}" for i in range(given))
    exec(f"def entry({arguments}):\n    return {function.__name__}({', '.join(passed)})\n", world)
    return world.pop("entry")
