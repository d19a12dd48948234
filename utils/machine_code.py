"""Compiled functions put into memory straight from their object files: what llvmlite needs 25 ms and 30 MB for.

Only what numba makes of our loops on x86-64 is understood: ELF, absolute addresses, references to the file itself and
to the handling of exceptions, which ours never raise. Anything else, and a system that lets no memory be executed, is
left to llvmlite.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Iterator, Sequence

ELF64, OBJECT, X86_64 = b"\x7fELF\x02\x01\x01", 1, 62
PROGBITS, SYMTAB, RELA = 1, 2, 4
WRITE, ALLOC = 1, 2
LARGEST_ALIGN = 64
ABSOLUTE_64 = 1  # R_X86_64_64: the symbol's address plus a constant
NEVER_CALLED = (b"numba_", b"NRT_", b"Py")  # what raising an exception would need
EXECUTABLE = mmap.PROT_READ | mmap.PROT_EXEC


class NotUnderstood(Exception):
    """The object has something in it that only a real linker knows."""


def placed(objects: Sequence[tuple[bytes, str]]) -> tuple[list[int], object] | None:
    """Where each (object file, name of its function) now begins, and the memory to keep; None: ask llvmlite."""
    try:
        images = [image(content, name.encode()) for content, name in objects]
        memory = mmap.mmap(-1, sum(len(body) for body, _, _ in images), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        base = at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        begins = []
        for body, begin, addresses in images:
            for place, named in addresses:
                struct.pack_into("<Q", body, place, at + named)
            memory.write(body)
            begins.append(at + begin)
            at += len(body)
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(base), ctypes.c_size_t(len(memory)), EXECUTABLE):
            return None
    except (NotUnderstood, struct.error, LookupError, StopIteration, ValueError, OSError, AttributeError):
        return None
    return begins, memory


def image(content: bytes, name: bytes) -> tuple[bytearray, int, list[tuple[int, int]]]:
    """The object as it will lie in memory, where `name` begins in it, and (place, place it names) of each address.

    Raises NotUnderstood, or IndexError and struct.error for a damaged one.
    """
    if content[: len(ELF64)] != ELF64 or struct.unpack_from("<HH", content, 16) != (OBJECT, X86_64):
        raise NotUnderstood("not an object of x86-64")
    (table,), (count,) = struct.unpack_from("<Q", content, 40), struct.unpack_from("<H", content, 60)
    sections = [struct.unpack_from("<IIQQQQIIQQ", content, table + 64 * i) for i in range(count)]
    body, starts = bytearray(), {}
    for i, (_, kind, flags, _, offset, size, _, _, align, _) in enumerate(sections):
        if (flags & WRITE and size) or align > LARGEST_ALIGN:
            raise NotUnderstood("memory to be written to, or in a place of its own")
        if kind == PROGBITS and flags & ALLOC:
            body += bytes(-len(body) % max(align, 1))
            starts[i] = len(body)
            body += content[offset : offset + size]
    body += bytes(-len(body) % LARGEST_ALIGN)
    table, size, names = next((each[4], each[5], sections[each[6]][4]) for each in sections if each[1] == SYMTAB)
    symbols = [_symbol(content, at, names, starts) for at in range(table, table + size, 24)]
    addresses = [
        address
        for _, kind, _, _, offset, size, _, target, _, _ in sections
        if kind == RELA and target in starts
        for address in _addresses(content[offset : offset + size], starts[target], symbols)
    ]
    return body, next(where for symbol, where in symbols if symbol == name and where is not None), addresses


def _symbol(content: bytes, at: int, names: int, starts: dict[int, int]) -> tuple[bytes, int | None]:
    """Its name, and where it lies in the image; None when it is not there."""
    name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", content, at)
    end = content.index(b"\0", names + name)
    return content[names + name : end], starts[section] + value if section in starts else None


def _addresses(table: bytes, start: int, symbols: Sequence[tuple[bytes, int | None]]) -> Iterator[tuple[int, int]]:
    for place, what, more in struct.iter_unpack("<QQq", table):
        name, where = symbols[what >> 32]
        if what & 0xFFFFFFFF != ABSOLUTE_64 or (where is None and not name.startswith(NEVER_CALLED)):
            raise NotUnderstood(f"{name!r} is addressed in another way, or is elsewhere")
        if where is not None:
            yield start + place, where + more
