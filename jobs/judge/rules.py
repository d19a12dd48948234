"""The words of config/external_errors.toml, loaded, and the questions they answer."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from utils.exception_classes import BY_STATUS, CLASSES_PATH, KINDS, OURS, UNREADABLE, Classes, RulesError
from utils.exception_classes import kind_of_status, load_classes

RULES_PATH = CLASSES_PATH.with_name("external_errors.toml")
_TIMED_OUT = re.compile(r"(?i)timed? ?-?out")
_SEPARATOR = re.compile(r": |[\])] +| - | \| |\b(?:ERROR|CRITICAL|FATAL|WARNING|WARN)\b(?::[\w.]+:(?! ))?[ :|-]*")
_MOST_HEADS = 8
_LONGEST = 300


class Verdict(NamedTuple):
    """How the provider failed, None when the failure is ours; `rule` and `line` hold the reason."""

    kind: str | None
    rule: str
    line: str

    @property
    def external(self) -> bool:
        """Whether the provider is to blame."""
        return self.kind is not None


def verdict(kind: str | None, rule: str, line: str) -> Verdict:
    """The verdict `kind` on `line`; `ours` or None: it was not the provider."""
    return Verdict(None if kind == OURS else kind, rule, line[:_LONGEST])


class TextRule(NamedTuple):
    """A pattern and what it means: an external kind, `ours` or `by_status`; `name` is its place in the file."""

    kind: str
    name: str
    pattern: re.Pattern[str]
    always: bool
    class_: re.Pattern[str]
    where: re.Pattern[str]


class Rules(NamedTuple):
    """All rules of the judge. Build it with `load_rules`."""

    classes: Classes
    ours: Sequence[TextRule]
    words: Sequence[TextRule]
    drift: Sequence[TextRule]
    pattern: Mapping[str, re.Pattern[str]]  # those of [lines] and [policy], and `waits`
    exit_codes: Mapping[str, Mapping[str, Sequence[int]]]
    loopback_is_external: bool

    def of_exit_code(self, program: str, code: int) -> str | None:
        """What `program` documents for `code`: a kind, `by_status`, or `ours` for one that is not listed.

        None for a program that is not in the tables.
        """
        listed = self.exit_codes.get(program)
        return None if listed is None else next((kind for kind, codes in listed.items() if code in codes), OURS)

    def is_(self, name: str, text: str) -> bool:
        """Whether the pattern `name` is found in `text`."""
        return bool(self.pattern[name].search(text))

    def never_external(self, text: str, *, always: bool = False) -> str | None:
        """The name of the rule by which `text` is our own fault; `always`: of those that hold whatever class has it."""
        return next((rule.name for rule in self.ours if rule.always >= always and rule.pattern.search(text)), None)

    def text_kind(self, text: str) -> tuple[str, str] | None:
        """(kind, rule) of `text`, without what it quotes; `ours` for a status that blames the request."""
        text = self.pattern["quoted"].sub("''", text)
        curl = re.search(r"\bcurl: \((\d+)\)", text)
        kind = self.of_exit_code("curl", int(curl[1])) if curl else BY_STATUS
        if curl and kind and kind != BY_STATUS:
            return kind, "exit_codes.curl"
        for rule in self.words:
            match = rule.pattern.search(text)
            found = (group for group in match.groups() if group) if match else iter(())
            meant = kind_of_status(int(next(found))) if match and rule.kind == BY_STATUS else rule.kind
            if match and meant:
                return meant, rule.name
        return None

    def is_our_service(self, text: str) -> bool:
        """Whether `text` reports that a service on this machine is down."""
        down = self.is_("refused", text) and self.is_("loopback", text)
        return down and (not self.loopback_is_external or self.is_("own_service", text))

    def refined(self, kind: str, text: str) -> str:
        """The kind that `text` gives, where the class alone means no more than `network`."""
        found = self.text_kind(text) if kind == "network" else None
        if found and found[0] in ("rate_limit", "outage", "timeout"):
            return found[0]
        return "timeout" if kind == "network" and _TIMED_OUT.search(text) else kind

    def states_an_error(self, line: str) -> bool:
        """Whether `line` reports a failure, and does not only hold the words of one, as a row of data may."""
        begins = (rule.pattern.match(head.lstrip("\"'")) for head in heads(line) for rule in self.words)
        return self.is_("statement", line) or any(begins)

    def looked_past(self, line: str) -> bool:
        """Whether `line` names no cause: what tools print after the error, or a mere summary."""
        return any(self.is_(name, head) for name in ("chatter", "summary") for head in (line, heads(line)[-1]))


def heads(line: str) -> list[str]:
    """`line`, and what follows each of its first separators: behind one of them the message begins."""
    cuts = [match.end() for match in _SEPARATOR.finditer(line)][:_MOST_HEADS]
    return [line, *(line[cut:] for cut in cuts if cut < len(line))]


def load_rules(path: Path | str = RULES_PATH, classes: Path | str = CLASSES_PATH) -> Rules:
    """Read the two rules files. Raises RulesError naming the file and the entry that is wrong."""
    known = load_classes(classes)
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        policy = data["policy"]
        patterns = {**data["lines"], **policy, "waits": data["waits"]["frame"]}
        return Rules(
            classes=known,
            ours=[_text_rule(entry, f"ours[{number}]") for number, entry in enumerate(data["ours"])],
            words=[_text_rule(entry, f"words[{number}]") for number, entry in enumerate(data["words"])],
            drift=[_text_rule(entry, f"drift[{number}]") for number, entry in enumerate(data["drift"])],
            pattern={name: re.compile(text) for name, text in patterns.items() if isinstance(text, str)},
            exit_codes={name: codes for name, codes in data["exit_codes"].items() if name != "source"},
            loopback_is_external=policy["loopback_refused_is_external"],
        )
    except UNREADABLE as error:
        raise RulesError(f"{path}: {type(error).__name__}: {error}") from error


def _text_rule(entry: Mapping[str, Any], name: str) -> TextRule:
    entry["source"]
    kind = entry.get("kind", OURS)
    if kind not in (*KINDS, OURS, BY_STATUS):
        raise ValueError(f"unknown kind {kind!r}")
    class_, where = (re.compile(entry.get(key, "")) for key in ("class", "where"))
    return TextRule(kind, name, re.compile(entry["pattern"]), entry.get("always", False), class_, where)
