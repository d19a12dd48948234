"""Hot loops as machine code: compiled once for this machine by numba, afterwards loaded without importing numba.

Loops are plain Python functions that index their arguments and call each other; a test can run them uncompiled on
lists. numba takes 0.4 s to import, llvmlite (numba's compiler, which can also load) 0.05 s, so the object code is kept
in `data/cache/native` of the clone, or of NIGHTDESK_HOME when the clone is read-only. It is named after everything that
decides it: source, compiler, processor. When several processes need it first, one compiles and the others wait for
it. Nothing writable: it is compiled in every process, and that is said.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from utils import paths
from utils.files import os_files
from utils.files.atomic import write_bytes

# Letters of a signature, the result first: pointers to float64, int64, int32, int8; int64; float64.
CTYPES: dict[str, Any] = {
    "F": ctypes.c_void_p,
    "I": ctypes.c_void_p,
    "S": ctypes.c_void_p,
    "B": ctypes.c_void_p,
    "i": ctypes.c_int64,
    "d": ctypes.c_double,
}
DIGEST_SIZE = 16
LOCK = ".compiling"  # in the cache's folder: who holds it compiles
WAIT_S = 180.0
Library = dict[str, Callable[..., Any]]
NEVER_CALLED = (
    *("numba_gil_ensure", "numba_gil_release", "numba_do_raise", "numba_unpickle", "NRT_Free"),
    *("numba_runtime_build_excinfo_struct", "PyBytes_FromStringAndSize", "PyErr_Clear", "PyErr_SetNone"),
    *("PyErr_SetString", "PyErr_WriteUnraisable", "PyExc_RuntimeError", "PyExc_StopIteration", "PyExc_SystemError"),
    *("PyUnicode_FromString", "Py_DecRef"),
)
_engines: list[Any] = []  # the code lives as long as its engine


def load(name: str, modules: Sequence[ModuleType], exports: Mapping[str, str]) -> Library:
    """The functions `exports` (name to signature) of `modules`, callable with addresses and numbers.

    Every function defined in `modules` may call every other. They must not raise: no exception can cross into Python.
    """
    key = _key(modules, exports)
    folders = dict.fromkeys((paths.ROOT / "data/cache/native", paths.data_dir() / "cache/native"))
    kept = [folder / f"{name}-{key}.o" for folder in folders]
    content = _first(kept)
    if content is None:
        with _alone(name, kept):
            content = _first(kept) or _made(name, modules, exports, kept)
    return _linked(content, exports)


def address(array: Any) -> int:
    """Where a C-contiguous numpy array begins. The caller keeps the array alive, and its type to the signature."""
    if array.size and array.flags.writeable:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # a fifth of the time, and a sweep asks often
    where: int = array.__array_interface__["data"][0]
    return where


def _first(kept: Sequence[Path]) -> bytes | None:
    return next((content for path in kept if (content := _read(path)) is not None), None)


def _made(name: str, modules: Sequence[ModuleType], exports: Mapping[str, str], kept: Sequence[Path]) -> bytes:
    """Compiled now, and kept at the first of `kept` that can be written."""
    _say(f"compiling {name} for this machine, once; takes seconds")
    content = _compiled(modules, exports)
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
    """Have the lock, or say that another process has it and, in the end, that it is waited for no longer."""
    for seconds in (0.0, WAIT_S):
        try:
            held.enter_context(os_files.locked(lock, seconds, 0o666))
            return
        except os_files.HeldElsewhere:
            if seconds:
                _say(f"waited {WAIT_S:.0f} s for {name}; compiling it here")
            else:
                _say(f"another process is compiling {name}; waiting for it")


def _say(text: str) -> None:
    print(f"nightdesk: {text}", file=sys.stderr, flush=True)


def _key(modules: Sequence[ModuleType], exports: Mapping[str, str]) -> str:
    import llvmlite
    from llvmlite import binding

    digest = hashlib.blake2b(digest_size=DIGEST_SIZE)
    for module in modules:
        digest.update(Path(str(module.__file__)).read_bytes())
    cpu = (binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten(), sys.platform)
    digest.update(repr((sorted(exports.items()), llvmlite.__version__, sys.hexversion, cpu)).encode())
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


def _compiled(modules: Sequence[ModuleType], exports: Mapping[str, str]) -> bytes:
    """A JSON line with each export's symbol and size, then their object files one after the other."""
    import numba

    types: Any = numba.types  # has hints for some of its names only

    numba_types: dict[str, Any] = {
        "F": types.CPointer(types.float64),
        "I": types.CPointer(types.int64),
        "S": types.CPointer(types.int32),
        "B": types.CPointer(types.int8),
        "i": types.int64,
        "d": types.float64,
    }
    world: dict[str, Any] = {}
    own: dict[str, FunctionType] = {}
    for module in modules:
        world.update(vars(module))
        own.update({n: f for n, f in vars(module).items() if isinstance(f, FunctionType)})
    copies = {name: FunctionType(f.__code__, world, name, f.__defaults__) for name, f in own.items()}
    world.update({name: numba.njit(error_model="numpy")(copy) for name, copy in copies.items()})
    index, objects = [], []
    for name, letters in exports.items():
        result, *arguments = (numba_types[letter] for letter in letters)
        made: Any = numba.cfunc(result(*arguments), error_model="numpy")(copies[name])
        code = made._library._get_compiled_object()
        index.append((name, made.native_name, len(code)))
        objects.append(code)
    return json.dumps(index).encode() + b"\n" + b"".join(objects)


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


def _linked(content: bytes, exports: Mapping[str, str]) -> Library:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    _name_what_is_called(binding)
    header, _, code = content.partition(b"\n")
    library: Library = {}
    at = 0
    for name, symbol, size in json.loads(header):
        machine = binding.Target.from_default_triple().create_target_machine(jit=True)
        engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
        engine.add_object_file(binding.object_file.ObjectFileRef.from_data(code[at : at + size]))
        engine.finalize_object()
        _engines.append(engine)
        result, *arguments = (CTYPES[letter] for letter in exports[name])
        library[name] = ctypes.CFUNCTYPE(result, *arguments)(engine.get_function_address(symbol))
        at += size
    return library
