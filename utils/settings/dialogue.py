"""Questions on a terminal, each asked once: the answers are kept until the whole has succeeded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from utils.errors import UsageError
from utils.files import os_files
from utils.files.atomic import write_text

T = TypeVar("T")


class Dialogue:
    """Answers by name, kept in the file at `kept`. Without a terminal nothing is asked."""

    def __init__(self, kept: Path, *, terminal: bool | None = None, ask: Callable[[str], str] = input) -> None:
        self._path = kept
        self._terminal = sys.stdin.isatty() if terminal is None else terminal
        self._ask = ask
        self._kept: dict[str, str] = {}
        with suppress(OSError, ValueError):
            found = os_files.read_json(kept)
            self._kept = {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}

    def given(
        self, name: str, by_flag: object, question: str, parse: Callable[[str], T], *, flag: str, default: str = ""
    ) -> T:
        """The flag's value, else the kept answer, else a question that is repeated until the answer can be read.

        Raises UsageError for a flag that `parse` refuses, and without a terminal when there is no default.
        """
        if by_flag is not None:
            return self._parsed(str(by_flag), parse, flag)
        if self._terminal and name in self._kept:
            with suppress(UsageError):
                value = parse(self._kept[name])
                print(f"{question}: {self._kept[name]} (your earlier answer; {flag} changes it)")
                return value
        if not self._terminal:
            if default:
                return parse(default)
            raise UsageError(f"{flag} is needed (on a terminal it is asked for)")
        return self._answer(name, question, parse, flag, default)

    def forget(self) -> None:
        """Forget the answers, since all went well: the next time every question is asked again."""
        self._path.unlink(missing_ok=True)

    def ask_again(self, name: str) -> None:
        """Forget the answer `name`, which was of no use: the next time it is asked for."""
        if self._kept.pop(name, None) is not None:
            self._keep()

    def _answer(self, name: str, question: str, parse: Callable[[str], T], flag: str, default: str) -> T:
        while True:
            try:
                text = self._ask(f"{question}{f' [{default}]' if default else ''}: ").strip() or default
            except EOFError:
                raise UsageError(f"no answer to {question!r}: give it with {flag}") from None
            try:
                value = parse(text)
            except UsageError as error:
                print(error)
                continue
            self._kept[name] = text
            self._keep()
            return value

    def _keep(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self._path, json.dumps(self._kept, ensure_ascii=False))

    def _parsed(self, text: str, parse: Callable[[str], T], flag: str) -> T:
        try:
            return parse(text)
        except UsageError as error:
            raise UsageError(f"{flag}: {error}") from None
