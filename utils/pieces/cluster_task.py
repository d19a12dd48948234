"""The part of a sweep that runs on a cluster's workers, and how they are told apart.

A scheduler needs nothing of ours: it only ever holds bytes, and functions that travel by value. A worker needs the same
code, or it refuses: the same results to the last bit are promised.
"""

from __future__ import annotations

import hashlib
import pickle
import platform
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from importlib import metadata
from io import BytesIO
from typing import Any

from utils import paths
from utils.errors import ConfigError

DECIDES = ("pyjobs/**/*.py", "utils/**/*.py", "config/calendars/*.tsv")
PACKAGES = ("numpy", "numba", "llvmlite", "msgspec", "distributed")
MATERIALS_KEPT = 4
_materials: OrderedDict[str, Any] = OrderedDict()
_material_lock, _first_lock = threading.Lock(), threading.Lock()
_warm = threading.Event()


def travelling() -> tuple[Callable[..., bytes], Callable[..., tuple[dict[str, str], str]]]:
    """(do a piece, look at the worker). Functions within a function travel by value: a scheduler without our code can
    hold them, and a worker without it can report that."""

    def perform(function: bytes, expected: dict[str, str], name: str, material: bytes, part: bytes) -> bytes:
        try:
            from utils.pieces import cluster_task
        except ImportError as error:
            import platform

            raise ImportError(f"worker on {platform.node()} without nightdesk: {error}") from None
        return cluster_task.performed(function, expected, name, material, part)

    def vet(function: bytes, name: str, material: bytes, part: bytes) -> tuple[dict[str, str], str]:
        from utils.pieces import cluster_task

        return cluster_task.vetted(function, name, material, part)

    return perform, vet


def performed(function: bytes, expected: dict[str, str], name: str, material: bytes, part: bytes) -> bytes:
    """One piece, its result pickled. Raises ConfigError on a worker that is not what was expected."""
    if differences := differing(expected, identity()):
        raise ConfigError(f"worker on {platform.node()} differs: {differences}")
    work, share = pickle.loads(function), pickle.loads(part)
    if _warm.is_set():
        return pickle.dumps(work(_material(name, material), share))
    with _first_lock:  # two threads must not compile or load the same thing at a time
        result = pickle.dumps(work(_material(name, material), share))
    _warm.set()
    return result


def vetted(function: bytes, name: str, material: bytes, part: bytes) -> tuple[dict[str, str], str]:
    """(who this worker is, a digest of what the piece comes to here)."""
    answer = performed(function, identity(), name, material, part)
    return identity(), digest(pickle.loads(answer))


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


def _material(name: str, content: bytes) -> Any:
    """Unpickled once per process and name, which no two materials share; the last few are kept."""
    with _material_lock:
        if name not in _materials:
            _materials[name] = pickle.loads(content)
            while len(_materials) > MATERIALS_KEPT:
                _materials.popitem(last=False)
        _materials.move_to_end(name)
        return _materials[name]
