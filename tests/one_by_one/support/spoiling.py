"""A file as it should be, spoiled in every way there is a name for: one value, one cell, one line, or all of it."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from typing import Any

import yaml

from tests.support import hostile

VALUES: dict[str, Any] = hostile.TEXTS | hostile.NAMES | {
    "null": None, "true": True, "zero": 0, "minus": -1, "a fraction": 0.5, "1e308": 1e308, "NaN": float("nan"),
    "infinity": float("inf"), "a long number": 10**400, "past 64 bits": 2**63, "a list": [], "lists": [[[]]],
    "a table": {}, "a table of itself": {"a": {"": []}}, "the year 1": "0001-01-01", "the year 9999": "9999-12-31",
    "no day": "2026-02-30", "a time of the year 9999": "9999-12-31T23:59:59+00:00", "a list of tables": [{}, None, 1],
    "a share": "$(id)", "a URL with a password": "http://a:b@192.0.2.1/", "half a number": "1_000", "digits": "٣",
}  # fmt: skip
WHOLE: dict[str, bytes] = {
    "nothing": b"", "blanks": b" \t ", "line ends": b"\n\r\n\r", "a NUL": b"\0", "NULs": b"\0" * 5000,
    "no UTF-8": b"\xff\xfe\x00\x1b[2J\n" * 9, "UTF-16": "\ufeffa,b\n1,2\n".encode("utf-16"), "a BOM": b"\xef\xbb\xbf",
    "Latin": "name: é\n".encode("latin-1"), "half a letter": b"\xec\x82", "null": b"null", "a number": b"7",
    "1e400": b"1e400", "NaN": b"NaN", "digits": b"9" * 6000, "a text": b'"x"', "a list": b"[]", "a table": b"{}",
    "deep lists": b"[" * 100_000, "deep tables": b'{"a":' * 100_000, "a table that never ends": b'{"a": 1',
    "the same key twice": b'{"a": 1, "a": 2}', "20 kB in a line": b"x" * 20_000, "commas": b"," * 20_000,
    "quotes": b'"' * 999, "tabs": b"\t" * 999, "a quote that never ends": b'a,b\n"1,2\n3,4\n', "colons": b":" * 999,
    "equals": b"=\n" * 99, "a shell": b"$(id) `id` ; rm -rf /\n", "escapes": b"\x1b]0;x\x07\n",
    "a password file": b"root:x:0:0:root:/root:/bin/bash\n",
}  # fmt: skip


def spoiled(good: bytes, kind: str) -> Iterator[tuple[str, bytes]]:
    """(what was done, the content): `kind` is json, yaml, csv, names (NAME=value) or lines."""
    yield from WHOLE.items()
    yield "its first half", good[: len(good) // 2]
    yield "twice", good + good
    yield "with a BOM", b"\xef\xbb\xbf" + good
    yield "as UTF-16", good.decode().encode("utf-16")
    yield "with Windows line ends", good.replace(b"\n", b"\r\n")
    if kind in ("json", "yaml"):
        content = json.loads(good) if kind == "json" else yaml.safe_load(good)
        for name, changed in _changed(content):
            yield name, _text_of(changed)
    if kind == "yaml":
        yield from ((name, text.encode("utf-8", "surrogateescape")) for name, text in hostile.YAML.items())
    if kind == "csv":
        yield from _cells(good.decode())
    if kind in ("names", "lines"):
        yield from _lines(good.decode(), "=" if kind == "names" else "")


def _text_of(content: Any) -> bytes:
    try:
        return json.dumps(content).encode()  # JSON is YAML, too
    except ValueError:  # more digits than are written
        return b"9" * 5000


def _changed(content: Any) -> Iterator[tuple[str, Any]]:
    """`content` with one thing in it, at any depth, replaced or taken away."""
    for where in _places(content):
        for what, value in VALUES.items():
            yield f"{what} at {where}", _with(content, where, value)
        if where:
            yield f"nothing at {where}", _with(content, where[:-1], _without(_at(content, where[:-1]), where[-1]))
    if isinstance(content, dict):
        yield from ((f"a key: {what}", {**content, name: 1}) for what, name in hostile.NAMES.items())


def _places(content: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inside:
        yield from _places(value, (*above, key))


def _at(content: Any, where: tuple[Any, ...]) -> Any:
    for key in where:
        content = content[key]
    return content


def _with(content: Any, where: tuple[Any, ...], value: Any) -> Any:
    if not where:
        return value
    inside = _with(content[where[0]], where[1:], value)
    if isinstance(content, dict):
        return {**content, where[0]: inside}
    return [inside if number == where[0] else each for number, each in enumerate(content)]


def _without(content: Any, key: Any) -> Any:
    if isinstance(content, dict):
        return {name: value for name, value in content.items() if name != key}
    return [value for number, value in enumerate(content) if number != key]


def _cells(text: str) -> Iterator[tuple[str, bytes]]:
    rows = list(csv.reader(io.StringIO(text)))
    for line in (0, len(rows) - 1):
        for column in range(len(rows[line])):
            for what, value in VALUES.items():
                new = [list(row) for row in rows]
                new[line][column] = _short(value)
                yield f"{what} in line {line + 1}, column {column + 1}", _csv(new)
        yield f"no column in line {line + 1}", _csv([row[:-1] if at == line else row for at, row in enumerate(rows)])
        yield f"one more in line {line + 1}", _csv([[*row, "x"] if at == line else row for at, row in enumerate(rows)])


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def _short(value: Any) -> str:
    return str(value) if not isinstance(value, int) or abs(value) < 10**100 else "9" * 400


def _lines(text: str, separator: str) -> Iterator[tuple[str, bytes]]:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        for what, value in VALUES.items():
            begin = f"{line.partition(separator)[0]}{separator}" if separator else ""
            new = [*lines[:number], begin + _short(value), *lines[number + 1 :]]
            yield f"{what} in line {number + 1}", "\n".join(new).encode("utf-8", "surrogatepass") + b"\n"
            if not separator and "\t" in line:
                cells = line.split("\t")
                for at in range(len(cells)):
                    cells_now = "\t".join([*cells[:at], _short(value), *cells[at + 1 :]])
                    new = [*lines[:number], cells_now, *lines[number + 1 :]]
                    yield f"{what} in cell {at + 1} of {number + 1}", "\n".join(new).encode("utf-8", "surrogatepass")


def some(good: bytes, kind: str, count: int, seed: int) -> list[tuple[str, bytes]]:
    """`count` of them, the same for the same seed; 0: all."""
    found = list(spoiled(good, kind))
    return random.Random(seed).sample(found, min(count, len(found))) if count else found
