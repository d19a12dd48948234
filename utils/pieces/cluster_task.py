"""The part of a sweep that runs on a cluster's workers, and how they are distinguished.

A scheduler needs nothing of ours: it only ever holds bytes, and a function that travels by value. A worker needs the
same code, or it refuses: the same results to the last bit are promised.
"""

from __future__ import annotations

import hashlib
import pickle
import platform
import threading
from collections.abc import Callable
from functools import lru_cache
from importlib import metadata
from io import BytesIO
from typing import Any

from utils import paths
from utils.errors import ConfigError

DECIDES = ("pyjobs/**/*.py", "utils/**/*.py", "config/calendars/*.tsv")
PACKAGES = ("numpy", "numba", "llvmlite", "msgspec", "distributed")
MATERIALS_KEPT = 2
_first_lock, _warm = threading.Lock(), threading.Event()


def travelling() -> Callable[..., bytes]:
    """`performed`, as a function within a function, which travels by value: a scheduler without our code can hold it,
    and a worker without it can report that."""

    def perform(function: bytes, expected: dict[str, str], material: bytes, part: bytes) -> bytes:
        try:
            from utils.pieces import cluster_task
        except ImportError as error:
            import platform

            raise ImportError(f"no nightdesk on {platform.node()} ({error})") from None
        return cluster_task.performed(function, expected, material, part)

    return perform


def performed(function: bytes, expected: dict[str, str], material: bytes, part: bytes) -> bytes:
    """One piece, its result pickled. Raises ConfigError on a worker that is not what was expected."""
    if differences := differing(expected, identity()):
        raise ConfigError(f"worker on {platform.node()} differs: {differences}")
    work, share = pickle.loads(function), pickle.loads(part)
    if _warm.is_set():
        return pickle.dumps(work(_unpickled(material), share))
    with _first_lock:  # two threads must not compile or load the same thing at a time
        result = pickle.dumps(work(_unpickled(material), share))
    _warm.set()
    return result


@lru_cache(maxsize=MATERIALS_KEPT)
def _unpickled(material: bytes) -> Any:
    """Once per process: what a strategy has worked out of bars is kept with them."""
    return pickle.loads(material)


@lru_cache(maxsize=1)
def identity() -> dict[str, str]:
    """What decides results here: the code and the calendars as one sha256, interpreter, machine, packages."""
    found = {str(path.relative_to(paths.ROOT)): path for pattern in DECIDES for path in paths.ROOT.glob(pattern)}
    code = hashlib.sha256()
    for name, path in sorted(found.items()):
        code.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    about = {"code": code.hexdigest()[:16], "python": platform.python_version(), "machine": platform.machine()}
    return {**about, **{name: metadata.version(name) for name in PACKAGES}}


def differing(expected: dict[str, str], found: dict[str, str]) -> str:
    """`numpy 2.4.5 instead of 2.4.6; …`: what of `found` is not as expected."""
    wrong = [(name, found.get(name), value) for name, value in expected.items() if found.get(name) != value]
    return "; ".join(f"{name} {there} instead of {here}" for name, there, here in wrong)


def digest(result: Any) -> str:
    """A sha256 of a result's bits; equal results have equal ones in every process."""
    out = BytesIO()
    pickler = pickle.Pickler(out)
    pickler.fast = True  # else two equal objects here and one object used twice there would have different digests
    pickler.dump(result)
    return hashlib.sha256(out.getvalue()).hexdigest()
