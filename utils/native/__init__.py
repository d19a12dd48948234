"""Hot loops as machine code: compiled once for this machine by numba, afterwards loaded without importing numba.

Loops are plain Python functions that index their arguments and call each other; a test can run them uncompiled on
lists. numba takes 0.4 s to import, llvmlite (numba's compiler, which can also load) 0.05 s, so the object code is kept
in `data/cache/native` of the clone, or of NIGHTDESK_HOME when the clone is read-only. It is named after everything that
decides it: source, compiler, processor. When several processes need it first, one compiles and the others wait for
it. Where no cache can be written, every process compiles it, with a message.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, get_type_hints

import numpy as np

from utils import paths
from utils.files import os_files, private
from utils.files.atomic import write_bytes

Floats = Annotated[Any, "float64"]  # arrays in Python (or lists), pointers when compiled
Ints = Annotated[Any, "int64"]
Shorts = Annotated[Any, "int32"]
Bytes = Annotated[Any, "int8"]
NUMBERS: dict[Any, Any] = {int: ctypes.c_int64, float: ctypes.c_double}
DIGEST_SIZE = 16
LOCK = ".compiling"  # in the cache's folder: who holds it compiles
WAIT_S = 180.0
Kind = Any  # of an argument: int, float, or the name of what it points to
NEVER_CALLED = (
    *("numba_gil_ensure", "numba_gil_release", "numba_do_raise", "numba_unpickle", "NRT_Free"),
    *("numba_runtime_build_excinfo_struct", "PyBytes_FromStringAndSize", "PyErr_Clear", "PyErr_SetNone"),
    *("PyErr_SetString", "PyErr_WriteUnraisable", "PyExc_RuntimeError", "PyExc_StopIteration", "PyExc_SystemError"),
    *("PyUnicode_FromString", "Py_DecRef"),
)
_engines: list[Any] = []  # the code lives as long as its engine


class Library:
    """Compiled functions, by name: they take addresses and numbers. Each is linked when it is first asked for."""

    def __init__(self, links: Mapping[str, Callable[[], Callable[..., Any]]]) -> None:
        self._links = dict(links)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in vars(self).get("_links", ()):
            raise AttributeError(f"'{name}' is not among the compiled functions")
        linked = vars(self)[name] = self._links[name]()
        return linked


def load(name: str, modules: Sequence[ModuleType], exports: Sequence[Callable[..., Any]]) -> Library:
    """The functions `exports` of `modules`, which are annotated with int, float, the types above and tuples of those.

    Compiled, such a NamedTuple is an argument for each field; `addresses` makes them. Every function defined in
    `modules` may call every other. No exception can leave them: they must not raise.
    """
    signatures = {function.__name__: signature(function) for function in exports}
    key = _key(modules, exports)
    folders = dict.fromkeys((paths.ROOT / "data/cache/native", paths.data_dir() / "cache/native"))
    kept = [folder / f"{name}-{key}.o" for folder in folders]
    content = _first(kept)
    if content is None:
        with _alone(name, kept):
            content = _first(kept) or _made(name, modules, exports, kept)
    return _linked(content, signatures)


def signature(function: Callable[..., Any]) -> tuple[Kind, ...]:
    """The result's kind, then those of the arguments, a NamedTuple's one by one."""
    result, *arguments = kinds(function)
    return (
        result,
        *(kind for each in arguments for kind in (each[1].values() if isinstance(each, tuple) else (each,))),
    )


def kinds(function: Callable[..., Any]) -> list[Any]:
    """The kinds of the result and the arguments; of a NamedTuple its name, and its fields with their kinds."""
    hints = get_type_hints(function, include_extras=True)
    result = hints.pop("return")
    return [_kind(result), *map(_kind, hints.values())]


def _kind(hint: Any) -> Any:
    if hint in NUMBERS:
        return hint
    if isinstance(hint, type) and issubclass(hint, tuple):
        return hint.__name__, _fields(hint)
    return hint.__metadata__[0]


@lru_cache(maxsize=64)
def _fields(kind: type) -> dict[str, Kind]:
    """The kinds of a NamedTuple's fields, by their names; a sweep asks for them at every trial."""
    return {name: _kind(each) for name, each in get_type_hints(kind, include_extras=True).items()}


def address(array: Any) -> int:
    """Where a C-contiguous numpy array begins. The caller keeps the array alive, and its type to the signature."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # a fifth of the time, and a sweep asks often
    except (TypeError, ValueError):  # read-only, or empty
        return int(array.__array_interface__["data"][0])


def tail(array: Any, at: int) -> Any:
    """The elements from number `at` on; of a pointer, once compiled, the pointer to them."""
    return array[at:]


def _alike(given: np.dtype[Any], asked: np.dtype[Any]) -> bool:
    """Whether numbers of one type can be read as the other; bytes may have a sign or not."""
    return given.itemsize == asked.itemsize and (given.kind == "f") == (asked.kind == "f")


def addresses(values: Iterable[Any]) -> list[Any]:
    """The arguments for a NamedTuple of arrays and numbers. Raises TypeError for an array of another type or layout."""
    found = []
    for kind, value in zip(_fields(type(values)).values(), values, strict=True):
        if kind in NUMBERS:
            found.append(kind(value))
        elif not (_alike(value.dtype, np.dtype(kind)) and value.flags.c_contiguous):
            raise TypeError(f"an array of {value.dtype} is given where {kind} in one piece is asked for")
        else:
            found.append(address(value))
    return found


def _first(kept: Sequence[Path]) -> bytes | None:
    return next((content for path in kept if (content := _read(path)) is not None), None)


def _made(
    name: str, modules: Sequence[ModuleType], exports: Sequence[Callable[..., Any]], kept: Sequence[Path]
) -> bytes:
    """Compile now, and keep the result at the first of `kept` that can be written."""
    _say(f"compiling {name} for this machine, once; takes seconds")
    from utils.native.compiling import compiled  # numba takes 0.4 s to import

    content = compiled(modules, exports)
    if not any(_keep(path, content) for path in kept):
        _say(f"cannot keep the compiled {name}: {kept[-1].parent} is not writable")
    return content


@contextmanager
def _alone(name: str, kept: Sequence[Path]) -> Iterator[None]:
    """Keep other processes from compiling the same, where a lock can be had; a dead one holds none."""
    with ExitStack() as held:
        for path in kept:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                _wait_for(path.parent / LOCK, name, held)
                break
            except OSError:  # not to be written to, or a filesystem without locks
                continue
        yield


def _wait_for(lock: Path, name: str, held: ExitStack) -> None:
    """Take the lock, or report that another process has it and, in the end, that the wait is over."""
    for seconds in (0.0, WAIT_S):
        try:
            held.enter_context(os_files.locked(lock, seconds, private.LOCK_MODE))
            return
        except os_files.HeldElsewhere:
            if seconds:
                _say(f"waited {WAIT_S:.0f} s for {name}; compiling it here")
            else:
                _say(f"another process is compiling {name}; waiting for it")


def _say(text: str) -> None:
    print(f"nightdesk: {text}", file=sys.stderr, flush=True)


def _key(modules: Sequence[ModuleType], exports: Sequence[Callable[..., Any]]) -> str:
    """A hash of everything that decides the code. A NamedTuple's own module is not among `modules`: its fields are."""
    import llvmlite
    from llvmlite import binding

    digest = hashlib.blake2b(digest_size=DIGEST_SIZE)
    for file in (Path(__file__).with_name("compiling.py"), *(Path(str(module.__file__)) for module in modules)):
        digest.update(file.read_bytes())
    cpu = (binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten(), sys.platform)
    asked = sorted((function.__name__, kinds(function)) for function in exports)
    digest.update(repr((asked, llvmlite.__version__, sys.hexversion, cpu)).encode())
    numba = importlib.util.find_spec("numba")  # found, not imported: its releases share versions of llvmlite
    if numba and numba.origin and (version := Path(numba.origin).with_name("_version.py")).is_file():
        digest.update(version.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> bytes | None:
    """The content of a cache file that is whole, else None."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    body = content[DIGEST_SIZE:]
    return body if content[:DIGEST_SIZE] == _digest(body) else None


def _keep(path: Path, content: bytes) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, _digest(content) + content)
    except OSError:
        return False
    return True


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_SIZE).digest()


def _name_what_is_called(binding: Any) -> None:
    """Tell the linker of every name in numba's object code: where one is unknown, none is filled in.

    numba's wrapper names the first for a raised exception, and ours raise none; any address will do. LLVM calls the
    last for loops that fill or copy.
    """
    here = ctypes.CDLL(None)
    anywhere = ctypes.cast(ctypes.pythonapi.Py_IncRef, ctypes.c_void_p).value
    for symbol in NEVER_CALLED:
        binding.add_symbol(symbol, anywhere)
    for symbol in ("memset", "memcpy", "memmove"):
        binding.add_symbol(symbol, ctypes.cast(here[symbol], ctypes.c_void_p).value)


def _linked(content: bytes, signatures: Mapping[str, tuple[Kind, ...]]) -> Library:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    _name_what_is_called(binding)
    header, _, code = content.partition(b"\n")
    links: dict[str, Callable[[], Callable[..., Any]]] = {}
    at = 0
    for name, symbol, size in json.loads(header):
        links[name] = partial(_function, code[at : at + size], symbol, signatures[name])
        at += size
    return Library(links)


def _function(code: bytes, symbol: str, kinds_of_it: tuple[Kind, ...]) -> Callable[..., Any]:
    """The function of an object file."""
    from llvmlite import binding

    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    result, *arguments = (NUMBERS.get(kind, ctypes.c_void_p) for kind in kinds_of_it)
    return ctypes.CFUNCTYPE(result, *arguments)(engine.get_function_address(symbol))
