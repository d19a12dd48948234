"""What `file:` of an instrument names: a file, a folder, a pattern or an archive, as grids by their names."""

from __future__ import annotations

import errno
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyjobs.market.dumps.reading.grid import Grid
from pyjobs.market.dumps.reading.limits import LARGEST_BYTES, check_rows_together, check_size
from pyjobs.market.dumps.reading.objects import read_json
from pyjobs.market.dumps.reading.text import read_text
from pyjobs.market.dumps.reading.typed import read_arrow, read_workbook
from utils.errors import BadDataError, MissingInputError
from utils.files import os_files
from utils.files.in_time import within
from utils.files.os_files import has_folder, matching
from utils.files.text_files import PATIENCE_S, bytes_of

KNOWN = {
    b"%PDF": "a PDF",
    b"SQLi": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls), or one with a password: save it as .xlsx or .csv",
    b"\x89HDF": "an HDF5 file",
    b"Rar!": "a RAR archive: unpack it",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
    b"\x28\xb5\x2f\xfd": "a zstd archive: unpack it",
    b"\x04\x22\x4d\x18": "an lz4 archive: unpack it",
    b"\x93NUM": "a numpy array: save it as .csv or .parquet",
    b"Obj\x01": "an Avro file: save it as .csv or .parquet",
    **{b"\x80" + bytes([at]): "a pickle, which may run anything: save it as .csv or .parquet" for at in range(2, 6)},
}
TAR = b"ustar"
PACKED = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ"}
NAMES = {"gz": "gzip", "bz2": "bzip2", "xz": "xz"}
LISTING = {".csv", ".tsv", ".txt", ".json", ".gz", ".bz2", ".xz", ".zip", ".parquet", ".feather", ".xlsx", ".arrow"}


def files_of(path: Path) -> list[Path]:
    """The files of a path, a folder or a pattern, by name. Raises MissingInputError when there is none.

    What cannot be looked at is among them, so that the reader names it: its rows are lacking.
    """
    os_files.must_answer(path if path.suffix == "" else path.parent)
    if path.is_dir():
        found = sorted(each for each in path.iterdir() if each.suffix.lower() in LISTING and not has_folder(each))
        if not found:
            raise MissingInputError(
                f"{path}: is a folder, not a file, and holds no price file ({', '.join(sorted(LISTING))})"
            )
        return found
    if any(mark in path.name for mark in "*?[") and not path.exists():
        found = [each for each in matching(path.parent, path.name) if not has_folder(each)]
        if found:
            return found
        raise MissingInputError(f"{path}: no file has such a name")
    try:
        path.stat()
    except OSError as error:
        why = "no such file" if error.errno == errno.ENOENT else error.strerror
        raise MissingInputError(f"{path}: {why}") from None
    return [path]  # also a pipe, such as <(zcat …): its reader waits for seconds


def grids(path: Path) -> Iterator[Grid]:
    """Every table of `path`. Raises MissingInputError, and BadDataError naming what cannot be read."""
    rows: list[int] = []
    for each, size in within(PATIENCE_S, lambda: [(file, file.stat().st_size) for file in files_of(path)], path):
        check_size(str(each), size)
        for grid in _grids(str(each), each.name.lower(), bytes_of(each)):
            rows.append(len(grid))
            check_rows_together(str(path), rows)
            yield grid


def _grids(label: str, name: str, content: bytes) -> Iterator[Grid]:
    if packed := next((kind for kind, start in PACKED.items() if content.startswith(start)), ""):
        yield from _grids(label, name.removesuffix("." + packed), _unpacked(label, content, packed))
    elif content[:4] == b"PK\x03\x04":
        if b"xl/workbook.xml" in content:
            yield from read_workbook(label, content)
        else:
            yield from _members(label, content)
    elif content[:4] == b"PAR1" or content[:6] in (b"ARROW1", b"FEA1\0\0") or content[:4] == b"FEA1":
        yield read_arrow(label, content)
    elif kind := _other_kind(content):
        raise BadDataError(f"{label}: not a price file: {kind}")
    else:
        content = _items(label, content) if _PAGE.match(content) else content
        first = content[:BEGIN].decode("utf-8-sig", "replace").lstrip()[:1]
        yield read_json(label, content) if first in ("[", "{") else read_text(label, content)


def _other_kind(content: bytes) -> str:
    """The kind of a file without a table, by its first bytes; "" for one that may have one."""
    if content[257:262] == TAR:
        return "a tar archive: unpack it"
    return KNOWN.get(content[:4]) or KNOWN.get(content[:2], "")


def _items(label: str, content: bytes) -> bytes:
    """The rows of Naver's chart, one a line (line 1 is its first item). Raises BadDataError for any other page."""
    items = re.findall(rb'<item data="([^"]*)"', content)
    if not items:
        raise BadDataError(f"{label}: an XML or HTML page, not a table of prices: save the table as .csv or .xlsx")
    return b"\n".join(items) + b"\n"


BEGIN = 4096
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!doctype|html|head|body|table|protocol|div|script)\b", re.IGNORECASE
)
_HIDDEN = re.compile(r"(^|/)(__MACOSX/|\.)")


def _unpacked(label: str, content: bytes, kind: str) -> bytes:
    import bz2
    import lzma

    opens: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    try:
        with opens[kind](io.BytesIO(content)) as archive:
            unpacked: bytes = archive.read(LARGEST_BYTES + 1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise BadDataError(f"{label}: not a readable {NAMES[kind]} file: {error}; is it cut off?") from None
    check_size(label, len(unpacked), cut=True)
    return unpacked


def _members(label: str, content: bytes) -> Iterator[Grid]:
    """The tables in a zip archive, by name; what a Mac or a vendor (checksums) adds to them is left alone."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = sorted(archive.infolist(), key=lambda info: info.filename)
            if b"opendocument" in content[:100]:
                raise BadDataError(f"{label}: not a price file: an OpenDocument sheet: save it as .xlsx or .csv")
            infos = [i for i in infos if not i.is_dir() and not _HIDDEN.search(i.filename)]
            infos = [i for i in infos if Path(i.filename).suffix.lower() in LISTING] or infos
            if not infos:
                raise BadDataError(f"{label}: the archive is empty")
            for info in infos:
                check_size(f"{label}!{info.filename}", info.file_size)
                yield from _grids(f"{label}!{info.filename}", info.filename.lower(), archive.read(info))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadDataError(f"{label}: not a readable zip archive: {error}; is it cut off?") from None
