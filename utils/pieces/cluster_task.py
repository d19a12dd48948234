"""The part of a sweep that runs on a cluster's workers, and how they are distinguished.

A scheduler needs nothing of ours: it only ever holds bytes, and a function that travels by value. A worker needs the
same code, or it refuses: the same results to the last bit are promised.
"""

from __future__ import annotations

import hashlib
import pickle
import platform
from collections.abc import Callable
from functools import lru_cache
from importlib import metadata
from io import BytesIO
from typing import Any

from utils import paths
from utils.errors import ConfigError
from utils.run import one_line

DECIDES = ("pyjobs/**/*.py", "utils/**/*.py", "config/calendars/*.tsv")
PACKAGES = ("numpy", "numba", "llvmlite", "msgspec", "distributed")


def travelling() -> Callable[..., bytes]:
    """`performed`, as a function within a function, which travels by value: a scheduler without our code can hold it,
    and a worker without it can report that."""

    def perform(function: bytes, expected: dict[str, str], material: bytes, part: bytes) -> bytes:
        from utils.pieces import cluster_task

        return cluster_task.performed(function, expected, material, part)

    return perform


def performed(function: bytes, expected: dict[str, str], material: bytes, part: bytes) -> bytes:
    """One piece, its result pickled. Raises ConfigError on a worker that is not what was expected."""
    found = identity()
    if wrong := [f"{each} {found.get(each)} instead of {it}" for each, it in expected.items() if found.get(each) != it]:
        raise ConfigError(f"worker on {platform.node()} differs: {'; '.join(wrong)}")
    return pickle.dumps(pickle.loads(function)(_unpickled(material), pickle.loads(part)))


@lru_cache(maxsize=2)
def _unpickled(material: bytes) -> Any:
    """Once per process: what a strategy has worked out of bars is kept with them."""
    return pickle.loads(material)


@lru_cache(maxsize=1)
def identity() -> dict[str, str]:
    """What decides results here: the code and the calendars as one sha256, interpreter, machine, packages."""
    code = hashlib.sha256()
    for path in sorted(path for pattern in DECIDES for path in paths.ROOT.glob(pattern)):
        code.update(f"{path.relative_to(paths.ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    about = {"code": code.hexdigest()[:16], "python": platform.python_version(), "machine": platform.machine()}
    return {**about, **{name: metadata.version(name) for name in PACKAGES}}


def checked(answer: Any, here: str) -> str:
    """What is wrong with a worker that gave `answer` for a piece whose digest is `here`; "" for nothing, or gone."""
    if isinstance(answer, Exception):
        return "" if isinstance(answer, OSError) else one_line(answer)
    return "" if digest(pickle.loads(answer)) == here else "a piece of work gives other bits there than here"


def digest(result: Any) -> str:
    """A sha256 of a result's bits; equal results have equal ones in every process."""
    out = BytesIO()
    pickler = pickle.Pickler(out)
    pickler.fast = True  # else two equal objects here and one object used twice there would have different digests
    pickler.dump(result)
    return hashlib.sha256(out.getvalue()).hexdigest()
