"""YAML without its traps: a key twice, dates that nobody meant, nesting and aliases that exhaust who reads them."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from utils.foreign_text import quoted

Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

DEEPEST = 30
LONGEST_VALUE = 80


class DuplicateKey(Exception):
    """A key stands twice in one mapping; YAML itself would silently keep the last."""

    def __init__(self, key: object, line: int, first_line: int) -> None:
        cure = "; write a number without commas" if re.fullmatch(r"\d{3}", str(key)) else ""  # {cash: 1,000,000}
        super().__init__(f"key {quoted(key, LONGEST_VALUE)!r} stands twice (first on line {first_line}){cure}")
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
