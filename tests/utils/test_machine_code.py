"""Object files loaded without llvmlite: the same machine code, or left to llvmlite."""

from __future__ import annotations

import ctypes
import platform
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from utils import machine_code, native

SOURCE = """
def part(x, y):
    return x / y if y > 2.0 else -x
def folded(values, n, start):
    found = start
    for i in range(n):
        found = found * 0.1 + part(values[i], found)
    return found
"""
SHT_RELA = 4


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """An object file of numba's with constants, a loop and a call, and the name of its function."""
    made = ModuleType("loops")
    exec(compile(SOURCE, "loops.py", "exec"), made.__dict__)
    made.__file__ = str(tmp_path_factory.mktemp("made") / "loops.py")
    _, (one,) = native._taken_apart(native._compiled((made,), {"folded": "dFid"}))
    if platform.machine() != "x86_64":
        assert machine_code.placed([one]) is None
        pytest.skip("objects of this processor are left to llvmlite")
    if machine_code.placed([one]) is None:
        pytest.skip("no memory can be executed here")
    return one


def folded(where: int, values: np.ndarray, start: float) -> float:
    function = ctypes.CFUNCTYPE(ctypes.c_double, *(native.CTYPES[letter] for letter in "Fid"))(where)
    return float(function(native.address(values), len(values), start))


def test_it_is_the_code_that_llvmlite_loads(compiled: tuple[bytes, str]) -> None:
    ours, theirs = machine_code.placed([compiled, compiled]), native._by_llvmlite([compiled])
    assert ours is not None
    world: dict[str, object] = {}
    exec(compile(SOURCE, "loops.py", "exec"), world)
    rng = np.random.default_rng(3)
    for _ in range(200):
        values, start = rng.normal(3.0, 2.0, rng.integers(0, 40)), float(rng.normal())
        wanted = world["folded"](values.tolist(), len(values), start)  # type: ignore[operator]
        assert {folded(where, values, start) for where in (*ours[0], *theirs[0])} == {wanted}


def test_the_memory_of_code_cannot_be_written_to(compiled: tuple[bytes, str]) -> None:
    placed = machine_code.placed([compiled])
    assert placed is not None
    lines = Path("/proc/self/maps").read_text().splitlines()
    ranges = [(*(int(end, 16) for end in line.split()[0].split("-")), line.split()[1]) for line in lines]
    assert [rights for first, last, rights in ranges if first <= placed[0][0] < last] == ["r-xp"]


def altered(content: bytes, what: str) -> bytes:
    """The object with one thing in it that only a linker knows."""
    changed = bytearray(content)
    if what == "another processor":
        struct.pack_into("<H", changed, 18, 183)  # AArch64
    elif what == "not an object":
        changed[:4] = b"\xcf\xfa\xed\xfe"  # Mach-O
    elif what == "a function from elsewhere":
        return content.replace(b"\0PyErr_Clear\0", b"\0floor_of_it\0")
    elif what == "cut off":
        return content[: len(content) // 2]
    else:
        (table,), (count,) = struct.unpack_from("<Q", content, 40), struct.unpack_from("<H", content, 60)
        for at in range(table, table + 64 * count, 64):
            _, kind, flags, _, offset, _ = struct.unpack_from("<IIQQQQ", content, at)
            if what == "memory to be written to" and flags == 2:
                struct.pack_into("<Q", changed, at + 8, 3)
            if what == "a place of its own":
                struct.pack_into("<Q", changed, at + 48, 4096)
            if what == "a distance, not an address" and kind == SHT_RELA:
                struct.pack_into("<I", changed, offset + 8, 2)  # R_X86_64_PC32
    return bytes(changed)


@pytest.mark.parametrize(
    "what",
    [
        *("another processor", "not an object", "a function from elsewhere", "cut off"),
        *("memory to be written to", "a place of its own", "a distance, not an address"),
    ],
)
def test_what_only_a_linker_knows_is_left_to_llvmlite(compiled: tuple[bytes, str], what: str) -> None:
    content, name = compiled
    assert altered(content, what) != content
    assert machine_code.placed([(content, name), (altered(content, what), name)]) is None


def test_a_function_that_is_not_there_is_left_to_llvmlite(compiled: tuple[bytes, str]) -> None:
    assert machine_code.placed([(compiled[0], "another")]) is None
