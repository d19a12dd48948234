"""What exception classes mean, by config/exception_classes.toml: which are a provider's, which are ours.

Shared by utils.exception_kinds, which has the exception itself, and jobs.judge, which has what a program printed of it.
No message is read here. Standard library only, so that the supervisor can import it under `python -I -S`.
"""

from __future__ import annotations

import builtins
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

CLASSES_PATH = Path(__file__).resolve().parent.parent / "config" / "exception_classes.toml"
KINDS = ("rate_limit", "outage", "timeout", "network", "auth", "schema", "no_data", "blocked")
OURS, BY_STATUS, BY_WORDS, WIRE = "ours", "by_status", "by_words", "wire"
UNREADABLE = (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError, re.error)
_OF_STATUS = {
    401: "auth",
    403: "auth",
    407: "auth",
    408: "timeout",
    418: "rate_limit",
    425: "outage",
    429: "rate_limit",
}


class RulesError(Exception):
    """A rules file is missing or wrong; the message names the file and the entry."""


class Classes(NamedTuple):
    """The tables of the file. Build it with `load_classes`."""

    listed: Mapping[str, str]  # qualified class name -> what it means
    short: Mapping[str, str]  # bare class name -> what it means; libraries that differ leave it to the words
    by_name: Mapping[str, re.Pattern[str]]
    network_file: re.Pattern[str]
    not_network_file: re.Pattern[str]

    def disposition(self, names: Iterable[str]) -> str | None:
        """What the first known of `names` (a class, then what it inherits from) means; None when none is known."""
        for name in names:
            if self.waits_for_us(name) or (name not in self.listed and hasattr(builtins, name)):
                return OURS
            kind = self.listed.get(name) or next((k for k, named in self.by_name.items() if named.search(name)), None)
            if kind:
                return kind
        return None

    def short_disposition(self, name: str) -> str | None:
        """What a class named without its module means, as logs and one-line messages name it; None when unknown."""
        bare = name.rpartition(".")[2]
        return OURS if self.waits_for_us(name) else self.short.get(bare) or self.disposition([bare])

    def waits_for_us(self, name: str) -> bool:
        """Whether the class belongs to a pool, a queue, a future or a lock: what it waited for is this program."""
        return bool(self.by_name[OURS].search(name))

    def on_the_wire(self, files: Iterable[str]) -> bool:
        """Whether code that talks to the network is among `files`, and no pipe to a child of ours."""
        files = list(files)
        ours = any(self.not_network_file.search(file) for file in files)
        return not ours and any(self.network_file.search(file) for file in files)


def kind_of_status(status: int) -> str | None:
    """What an HTTP status means; `ours` when it blames the request, None below 400."""
    if status < 400:
        return None
    return _OF_STATUS.get(status) or ("blocked" if status == 451 else "outage" if status >= 500 else OURS)


def status_in(text: str) -> int | None:
    """The first HTTP error status in an exception's message."""
    match = re.search(r"\b([45]\d\d)\b", text)
    return int(match.group(1)) if match else None


def load_classes(path: Path | str = CLASSES_PATH) -> Classes:
    """Read the file. Raises RulesError naming the file and the entry that is wrong."""
    try:
        tables: dict[str, dict[str, str]] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        names, stack = tables.pop("names"), tables.pop("stack")
        listed = {name: meaning for module, table in tables.items() for name, meaning in _listed(module, table)}
        short: dict[str, set[str]] = {}
        for name, meaning in listed.items():
            short.setdefault(name.rpartition(".")[2], set()).add(meaning)
        return Classes(
            listed=listed,
            short={
                n: OURS if OURS in all_ else all_.pop() if len(all_) == 1 else BY_WORDS for n, all_ in short.items()
            },
            by_name={meaning: re.compile(names[meaning]) for meaning in (*KINDS, OURS) if meaning in names},
            network_file=re.compile(stack["network"]),
            not_network_file=re.compile(stack["not_network"]),
        )
    except UNREADABLE as error:
        raise RulesError(f"{path}: {type(error).__name__}: {error}") from error


def _listed(module: str, table: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """(qualified name, meaning) of a table's classes; a name with a dot is whole, another is the module's."""
    for meaning in table.keys() - {"source"}:
        if meaning not in (*KINDS, OURS, BY_STATUS, BY_WORDS, WIRE):
            raise ValueError(f"[{module}]: unknown kind {meaning!r}")
        for name in table[meaning].split():
            yield (name if "." in name or module == "builtins" else f"{module}.{name}"), meaning
