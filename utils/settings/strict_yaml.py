"""YAML without its traps: a key given twice, text read as a date, nesting and aliases that exhaust the reader.

And without waiting for it: a desk of thousands takes a quarter of a second to parse, so the plain values of a long text
are kept under data/cache. They are true for one text and one parser, whose hashes are in them; anything else there is
passed over. Only the owner may read them, as the file itself may be the owner's alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from utils import paths
from utils.files import atomic, os_files
from utils.foreign_text import quoted

Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

DEEPEST = 30
LONGEST_VALUE = 80
LONG = 50_000  # characters: less is parsed faster than it is worth a file
DIGEST_BYTES = 32


class DuplicateKey(Exception):
    """A key is given twice in one mapping; YAML itself would silently keep the last."""

    def __init__(self, key: object, line: int, first_line: int) -> None:
        cure = "; write a number without commas" if re.fullmatch(r"\d{3}", str(key)) else ""  # {cash: 1,000,000}
        super().__init__(f"key {quoted(key, LONGEST_VALUE)!r} is given twice (first on line {first_line}){cure}")
        self.line = line


class Refused(Exception):
    """Something that YAML allows and no file of ours needs."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.line = line


class StrictLoader(Loader):  # type: ignore[valid-type,misc]  # the C loader when PyYAML was built with it
    """Safe YAML without two traps: duplicate keys are refused, and an unquoted date stays the text it looks like."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own class attribute, replaced by a filtered copy
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in Loader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._tags: dict[tuple[type[yaml.Node], object, object], str] = {}

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """What an untagged value is: the same for the same text, and a desk of thousands has few different ones."""
        if kind is not yaml.ScalarNode:
            tag: str = super().resolve(kind, value, implicit)
            return tag
        key = (kind, value, implicit)
        if key not in self._tags:
            self._tags[key] = super().resolve(kind, value, implicit)
        return self._tags[key]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping, after a look at its keys."""
        seen: dict[object, int] = {}
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise Refused("a key is a mapping or a list; write one name before the colon", line)
            if key_node.value in seen:
                raise DuplicateKey(key_node.value, line, seen[key_node.value])
            seen[key_node.value] = line
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def bound(text: str) -> None:
    """Refuse what would exhaust who composes it: deep nesting (a crash in C), and aliases inside what has a name.

    Looking at the events needs no recursion.
    """
    depth = 0
    named: list[int] = []
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if event.anchor or named:
                named.append(depth)
            if depth > DEEPEST:
                raise Refused(f"nested more than {DEEPEST} deep", _line(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            if named and named[-1] == depth:
                named.pop()
            depth -= 1
        elif isinstance(event, yaml.AliasEvent) and named:
            raise Refused("an alias (*) inside what has an anchor (&)", _line(event))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def kept(path: Path, text: str) -> Any | None:
    """What `keep` was given for this very text of the file at `path`; None when that is not known."""
    try:
        content = _place(path).read_bytes()
    except OSError:
        return None
    head, body = content[: 2 * DIGEST_BYTES], content[2 * DIGEST_BYTES :]
    return msgspec.msgpack.decode(body) if head == _identity(text) + _digest(body) else None


def keep(path: Path, text: str, values: Any) -> None:
    """Keep what the text of the file at `path` was parsed into, if that comes back as it was (a set would not)."""
    with contextlib.suppress(OSError, TypeError, ValueError, OverflowError):
        body = msgspec.msgpack.encode(values)
        if msgspec.msgpack.decode(body) == values:
            place = _place(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_bytes(place, _identity(text) + _digest(body) + body, mode=0o600)


def _place(path: Path) -> Path:
    name = hashlib.blake2b(str(os_files.real(path)).encode(), digest_size=12).hexdigest()
    return paths.data_dir() / "cache/yaml" / f"{name}.values"


def _identity(text: str) -> bytes:
    """A digest of the text and of what decides its values."""
    return _digest(_parser(), text.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=1)
def _parser() -> bytes:
    return _digest(Path(__file__).read_bytes(), yaml.__version__.encode())


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(part)
    return digest.digest()
