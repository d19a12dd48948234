"""YAML into types, once, at the rim: a wrong file is refused with its name, line, key and value (exit 78)."""

from __future__ import annotations

import copy
import re
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from utils import paths
from utils.errors import ConfigError

T = TypeVar("T")
Key = str | int
Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _DuplicateKey(Exception):
    """A key stands twice in one mapping; YAML itself would silently keep the last."""

    def __init__(self, key: object, line: int, first_line: int) -> None:
        super().__init__(f"key {key!r} stands twice (first on line {first_line})")
        self.line = line


class _StrictLoader(Loader):  # type: ignore[valid-type,misc]  # the C loader when PyYAML was built with it
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
            if key_node.value in seen:
                raise _DuplicateKey(key_node.value, line, seen[key_node.value])
            seen[key_node.value] = line
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def load_yaml(path: Path, type_: type[T]) -> T:
    """The file at `path` as a `type_`. Unknown and missing keys, wrong types and bad YAML raise ConfigError."""
    node, data = _parse(path, _read(path))
    try:
        return msgspec.convert(data, type_)
    except msgspec.ValidationError as error:
        what, keys = _locate(str(error), data, type_)
    where, given = _place(node, keys)
    raise ConfigError(_message(path, where, keys, what) + (f" (is {given})" if given else ""))


def wrong(path: Path, keys: list[Key], what: str) -> ConfigError:
    """The error for a value that has the right type and still cannot be: `what` about the value at `keys` in `path`."""
    node, _ = _parse(path, _read(path))
    return ConfigError(_message(path, _place(node, keys)[0], keys, what))


def first_existing(*candidates: Path) -> Path:
    """The first of `candidates` that is a file; raises ConfigError naming all places looked at."""
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ConfigError("no such file: " + ", ".join(str(candidate) for candidate in candidates))


def own_or_default(name: str) -> Path:
    """Where the config file `name` is read from: yours in secret/ when it exists, else the one in config/."""
    return first_existing(paths.secret_dir() / name, paths.config_dir() / name)


def dotted(keys: list[Key]) -> str:
    """`["instruments", 3, "symbol"]` as `instruments[3].symbol`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def nearest(given: str, known: Iterable[str]) -> str:
    """`; did you mean 'YAHOO'?` when one of `known` is much like `given`, else nothing."""
    from difflib import get_close_matches  # slow to import, and only a mistake needs it

    by_case = {each.casefold(): each for each in known}
    found = get_close_matches(given.casefold(), by_case, n=1)
    return f"; did you mean {by_case[found[0]]!r}?" if found else ""


def _message(path: Path, line: int | None, keys: list[Key], what: str) -> str:
    return f"{path}{f':{line}' if line else ''}:{f' {dotted(keys)}:' if keys else ''} {what}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from None


def _parse(path: Path, text: str) -> tuple[yaml.Node | None, Any]:
    """The document as nodes (which know their lines) and as plain values."""
    try:
        loader = _StrictLoader(text)
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    except _DuplicateKey as error:
        raise ConfigError(f"{path}:{error.line}: {error}") from None
    except yaml.MarkedYAMLError as error:
        row = error.problem_mark.line if error.problem_mark else -1
        indent = text.splitlines()[row : row + 1] if row >= 0 else []
        tab = "indented with a tab; use spaces: " if indent and re.match(r" *\t", indent[0]) else ""
        line = f":{row + 1}" if row >= 0 else ""
        raise ConfigError(f"{path}{line}: not valid YAML: {tab}{error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None


def _locate(message: str, data: Any, type_: type[Any]) -> tuple[str, list[Key]]:
    """msgspec's message without its path, and that path with every `[...]` (some key of a mapping) named."""
    what, _, raw = message.partition(" - at `$")
    steps = re.findall(r"\.([^.\[\]`]+)|\[(\d+|\.\.\.)\]", raw)
    keys: list[Key] = []
    for name, index in steps:
        if name == "":
            keys.append(_culprit(message, data, type_, keys) if index == "..." else int(index))
        else:
            keys.append(name)
    unknown = re.search(r"unknown field `(.+)`", what)
    if unknown:
        keys.append(unknown.group(1))
    return what, keys


def _culprit(message: str, data: Any, type_: type[Any], keys: list[Key]) -> str:
    """Which entry of the mapping at `keys` gives this very message: the one that still does when it stands alone."""
    for name in _at(data, keys):
        alone = copy.deepcopy(data)
        mapping = _at(alone, keys)
        kept = mapping[name]
        mapping.clear()
        mapping[name] = kept
        try:
            msgspec.convert(alone, type_)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return str(name)
    return "..."


def _at(data: Any, keys: list[Key]) -> Any:
    for key in keys:
        data = data[key]
    return data


def _place(node: yaml.Node | None, keys: list[Key]) -> tuple[int | None, str]:
    """The line `keys` leads to, as far as it leads, and the text that stands there when it is a plain value."""
    line: int | None = None
    for key in keys:
        child = _child(node, key)
        if child is None:
            return line, ""
        line, node = child
    return line, repr(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _child(node: yaml.Node | None, key: Key) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    if isinstance(node, yaml.MappingNode):
        for key_node, value in node.value:
            if key_node.value == key:
                return key_node.start_mark.line + 1, value
    return None
