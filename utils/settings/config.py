"""Load YAML into typed records; errors name file, line, key and value (exit 78)."""

from __future__ import annotations

import contextlib
import copy
import os
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import inspect

from utils import paths
from utils.errors import ConfigError
from utils.foreign_text import quoted
from utils.settings.strict_yaml import LONG, LONGEST_VALUE, DuplicateKey, Refused, StrictLoader, bound, keep, kept

T = TypeVar("T")
Key = str | int

LARGEST_BYTES = 20_000_000  # a desk of 20 000 instruments is 4 MB


def load_yaml(path: Path, type_: type[T]) -> T:
    """The file at `path` as a `type_`. Unknown and missing keys, wrong types and bad YAML raise ConfigError."""
    text = _read(path)
    if len(text) >= LONG and (values := kept(path, text)) is not None:
        with contextlib.suppress(msgspec.ValidationError):  # of another type: the error below names what is wrong
            return msgspec.convert(values, type_)
    node, data = _parse(path, text)
    try:
        found = msgspec.convert(data, type_)
        if len(text) >= LONG:
            keep(path, text, data)
        return found
    except msgspec.ValidationError as error:
        what, keys = _locate(str(error), data, type_)
    where, given = _place(node, keys)
    words = f" (is {given}){_quoted(what, given)}" if given else ""
    for at, number in _split_numbers(node, []) if "`key`" in what or "unknown field" in what else ():
        raise ConfigError(_message(path, _place(node, at)[0], at, number))
    raise ConfigError(_message(path, where, keys, _plain(what, data, keys, type_)) + words + _known(what, keys, type_))


def line_of(path: Path, keys: list[Key]) -> int | None:
    """The line that `keys` lead to in the file at `path`, as far as they lead. Raises ConfigError for bad YAML."""
    return _place(_parse(path, _read(path))[0], keys)[0]


KINDS = {  # msgspec's names of types, in plain words
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "array": "a list",
    "object": "keys with values", "null": "nothing", "date": "a date",
}  # fmt: skip


def _plain(what: str, data: Any, keys: list[Key], type_: type[Any]) -> str:
    """msgspec's `what` in plain words; a mapping at `keys` that lacks keys names all that it lacks, not the first."""
    if what.startswith("Object missing required field"):
        found, given = _inspected(type_, keys), _at(data, keys)
        fields = found.fields if isinstance(found, inspect.StructType) else ()
        missing = [each.encode_name for each in fields if each.required and each.encode_name not in given]
        return "needs " + ", ".join(f"`{name}`" for name in missing or re.findall("`(.+)`", what))
    if what.startswith("Object contains unknown field"):
        return "no such key"
    if what.startswith("Invalid enum value"):
        return "no such value"
    if wanted := re.fullmatch(r"Expected `([^`]+)`, got `([^`]+)`", what):
        names = [" or ".join(KINDS.get(name, name) for name in each.split(" | ")) for each in wanted.groups()]
        return f"wants {names[0]}, not {names[1]}"
    return what


def _known(what: str, keys: list[Key], type_: type[Any]) -> str:
    """The names that may stand where an unknown one does, with the nearest; empty where they are not known."""
    names: list[str] = []
    if what.startswith("Object contains unknown field"):
        found = _inspected(type_, keys[:-1])
        names = [field.encode_name for field in found.fields] if isinstance(found, inspect.StructType) else []
        given = str(keys[-1])
    elif what.startswith("Invalid enum value"):
        found = _inspected(type_, keys)
        names = [str(each) for each in found.values if each] if isinstance(found, inspect.LiteralType) else []
        given = what.partition("'")[2].rstrip("'")
    return f"; known: {', '.join(names)}{nearest(given, names)}" if names else ""


def _inspected(type_: type[Any], keys: list[Key]) -> inspect.Type | None:
    """The type at `keys` in a `type_`."""
    at: inspect.Type | None = inspect.type_info(type_)
    for key in [*keys, None]:
        if isinstance(at, inspect.UnionType):
            at = next((each for each in at.types if not isinstance(each, inspect.NoneType)), None)
        if key is None or at is None:
            return at
        if isinstance(at, inspect.StructType):
            at = next((field.type for field in at.fields if field.encode_name == key), None)
        elif isinstance(at, inspect.DictType):
            at = at.value_type
        else:
            at = getattr(at, "item_type", None)
    return at


def _split_numbers(node: yaml.Node | None, keys: list[Key]) -> Iterator[tuple[list[Key], str]]:
    """Where a comma has cut a number in two, as in `{cash: 50,000}`: YAML reads a key `000` without a value."""
    if isinstance(node, yaml.SequenceNode):
        for at, each in enumerate(node.value):
            yield from _split_numbers(each, [*keys, at])
    if not isinstance(node, yaml.MappingNode):
        return
    for (key, value), (rest, nothing) in pairwise([*node.value, (None, None)]):
        texts = [each.value if isinstance(each, yaml.ScalarNode) else "?" for each in (value, rest, nothing)]
        if re.fullmatch(r"\d{1,3}", texts[0]) and re.fullmatch(r"\d{3}", texts[1]) and not texts[2]:
            given, meant = f"{texts[0]},{texts[1]}", texts[0] + texts[1]
            yield [*keys, key.value], f"{given} is two things to YAML; write a number without commas: {meant}"
        yield from _split_numbers(value, [*keys, key.value])


def _quoted(what: str, given: str) -> str:
    """What to do where a text is wanted and YAML read a number (`000660` is octal to it), and the other way round."""
    plain = given.strip("'")
    if re.match(r"Expected `(float|int)", what) and re.fullmatch(r"[-+]?\d{1,3}([, ]\d{3})+(\.\d*)?", plain):
        return f": write a number without commas: {re.sub('[, ]', '', plain)}"
    taken = re.fullmatch(r"[-+]?[0-9][0-9_.,:]*|[A-Za-z]+|~", plain) is not None  # NO and ON are tickers, and booleans
    return f': quote it: "{plain}"' if taken and what.startswith("Expected `str`, got `") else ""


def wrong(path: Path, keys: list[Key], what: str) -> ConfigError:
    """The error for a value that has the right type and still cannot be: `what` about the value at `keys` in `path`."""
    node, _ = _parse(path, _read(path))
    return ConfigError(_message(path, _place(node, keys)[0], keys, what))


def first_existing(*candidates: Path) -> Path:
    """The first of `candidates` that is there; raises ConfigError naming all places looked at."""
    for candidate in candidates:
        if os.path.lexists(candidate):  # what is no file is named by who reads it, and hides nothing
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
    begun = [each for each in by_case if len(given) > 1 and each.startswith(given.casefold())]
    found = found or (begun if len(begun) == 1 else [])
    return f"; did you mean {by_case[found[0]]!r}?" if found else ""


def _message(path: Path, line: int | None, keys: list[Key], what: str) -> str:
    where = f" {quoted(dotted(keys), 200)}:" if keys else ""
    return f"{path}{f':{line}' if line else ''}:{where} {quoted(what)}"


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ConfigError(f"{path}: is a pipe or a device, not a file")
        if path.stat().st_size > LARGEST_BYTES:
            raise ConfigError(f"{path}: holds more than {LARGEST_BYTES // 1_000_000} MB: is it the right file?")
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
        bound(text)
        loader = StrictLoader(text)
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    except (DuplicateKey, Refused) as error:
        raise ConfigError(f"{path}:{error.line}: {error}") from None
    except yaml.MarkedYAMLError as error:
        row = error.problem_mark.line if error.problem_mark else -1
        indent = text.splitlines()[row : row + 1] if row >= 0 else []
        tab = "indented with a tab; use spaces: " if indent and re.match(r" *\t", indent[0]) else ""
        line = f":{row + 1}" if row >= 0 else ""
        raise ConfigError(f"{path}{line}: not valid YAML: {tab}{quoted(error.problem)}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid YAML: {quoted(' '.join(str(error).split()))}") from None


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
    unknown = re.search(r"unknown field `(.*)`", what, re.DOTALL)
    if unknown:
        keys.append(unknown.group(1))
    return what, keys


def _culprit(message: str, data: Any, type_: type[Any], keys: list[Key]) -> str:
    """The entry of the mapping at `keys` with this very message: the one that still has it when it is alone."""
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
    """The line `keys` leads to, as far as it leads, and the text there when it is a plain value."""
    line: int | None = None
    for key in keys:
        child = _child(node, key)
        if child is None:
            return line, ""
        line, node = child
    return line, repr(quoted(node.value, LONGEST_VALUE)) if isinstance(node, yaml.ScalarNode) else ""


def _child(node: yaml.Node | None, key: Key) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    if isinstance(node, yaml.MappingNode):
        for key_node, value in node.value:
            if key_node.value == key:
                return key_node.start_mark.line + 1, value
    return None
