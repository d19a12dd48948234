"""The rules of config/external_errors.toml, loaded, and the questions they answer. Standard library only."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = "ours"
BY_STATUS, BY_MESSAGE, WIRE = "by_status", "by_message", "wire"
KINDS = ("rate_limit", "outage", "timeout", "network", "auth", "schema", "no_data", "blocked")
_DISPOSITIONS = (*KINDS, OURS, BY_STATUS, BY_MESSAGE, WIRE)
_TIMED_OUT = re.compile(r"(?i)timed? ?-?out")
_STATUS = re.compile(r"\b([45]\d\d)\b")
_LONGEST_TEXT = 6000
_MOST_SEGMENTS = 5


class RulesError(Exception):
    """The rules file is missing or wrong; the message names the file and the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRule:
    """A pattern for a final error. `kind` is an external kind, `ours` or `by_status`."""

    pattern: re.Pattern[str]
    kind: str
    name: str
    warning: bool = False
    always: bool = False
    before: re.Pattern[str] | None = None
    unless_before: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRule:
    """A shape of exception that a client library raises on an answer that changed. An absent pattern is None."""

    kind: str
    name: str
    class_: re.Pattern[str]
    message: re.Pattern[str]
    file: re.Pattern[str] | None
    function: re.Pattern[str] | None
    through: re.Pattern[str] | None
    code: re.Pattern[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything the judge knows. Build it with `load_rules`."""

    classes: Mapping[str, str]
    short_names: Mapping[str, str]
    class_names: Sequence[TextRule]
    ours: Sequence[TextRule]
    messages: Sequence[TextRule]
    drift: Sequence[DriftRule]
    chatter: re.Pattern[str]
    quiet: re.Pattern[str]
    log_error: re.Pattern[str]
    recovered: re.Pattern[str]
    success: re.Pattern[str]
    error_words: re.Pattern[str]
    log_prefix: re.Pattern[str]
    segment: re.Pattern[str]
    gave_up: re.Pattern[str]
    summary: re.Pattern[str]
    wind_down: re.Pattern[str]
    empty_handed: re.Pattern[str]
    emptiness: re.Pattern[str]
    nothing: re.Pattern[str]
    statement_words: re.Pattern[str]
    quoted: re.Pattern[str]
    network_file: re.Pattern[str]
    not_network_file: re.Pattern[str]
    loopback: re.Pattern[str]
    own_service: re.Pattern[str]
    refused: re.Pattern[str]
    loopback_is_external: bool

    def disposition(self, names: Iterable[str]) -> str | None:
        """What the first known of `names` (a class, then what it inherits from) means; None when none is known."""
        for name in names:
            if name in self.classes:
                return self.classes[name]
            for rule in self.class_names:
                if rule.pattern.search(name):
                    return rule.kind
        return None

    def short_disposition(self, name: str) -> str | None:
        """What a class named without its module means, as logs and one-line messages name it; None when unknown."""
        name = name.rpartition(".")[2]
        return self.short_names.get(name) or self.disposition([name])

    def never_external(self, text: str, *, always: bool = False) -> TextRule | None:
        """The rule by which `text` is our own fault; `always`: only those that hold whatever class carries it."""
        rules = (rule for rule in self.ours if rule.always or not always)
        return next((rule for rule in rules if rule.pattern.search(text)), None)

    def heads(self, line: str) -> list[str]:
        """`line` without its log prefix, then without each `something: ` that it starts with."""
        rest = self.log_prefix.sub("", line, count=1)
        found = [rest]
        while len(found) < _MOST_SEGMENTS and (segment := self.segment.match(rest)):
            rest = rest[segment.end() :]
            found.append(rest)
        return found

    def is_summary(self, line: str) -> bool:
        """Whether `line` only says that something failed, and no cause."""
        return bool(self.summary.search(self.heads(line)[0]))

    def text_kind(self, text: str, *, before: Sequence[str] = (), warning: bool = False) -> tuple[str, str] | None:
        """(kind, rule) of a final error's text; kind is `ours` for a status that blames the request. None: unknown."""
        text = text[:_LONGEST_TEXT]
        for rule in self.messages:
            if warning and not rule.warning:
                continue
            match = rule.pattern.search(text)
            if match is None or (rule.before and not any(rule.before.search(line) for line in before)):
                continue
            if rule.unless_before and any(rule.unless_before.search(line) for line in before):
                return OURS, rule.name
            if rule.kind != BY_STATUS:
                return rule.kind, rule.name
            kind = kind_of_status(int(next(group for group in match.groups() if group)))
            if kind is not None:
                return kind, rule.name
        return None

    def stated_kind(self, text: str, *, before: Sequence[str] = (), warning: bool = False) -> tuple[str, str] | None:
        """As `text_kind`, of what `text` says itself: what it quotes is data."""
        return self.text_kind(self.quoted.sub("''", text), before=before, warning=warning)

    def has_evidence(self, rule: str) -> bool:
        """Whether `rule` holds only because of the lines before."""
        return any(message.before for message in self.messages if message.name == rule)

    def states_an_error(self, line: str) -> bool:
        """Whether `line` reports a failure, and does not only hold the words of one, as a row of data may."""
        if any(self.statement_words.search(head) for head in (line, *self.heads(line))):
            return True
        heads = [head.lstrip("\"'") for head in self.heads(line)]
        said = (match for head in heads for rule in self.messages if (match := rule.pattern.match(head)))
        return any(not match.group().startswith("HTTP/") for match in said)

    def is_our_service(self, text: str) -> bool:
        """Whether `text` says that a service on this machine is down."""
        down = self.refused.search(text) and self.loopback.search(text)
        return bool(down and (not self.loopback_is_external or self.own_service.search(text)))

    def on_the_wire(self, files: Iterable[str]) -> bool:
        """Whether code that talks to the network is among `files`, and no pipe to a child of ours."""
        files = list(files)
        ours = any(self.not_network_file.search(file) for file in files)
        return not ours and any(self.network_file.search(file) for file in files)


def kind_of_status(status: int) -> str | None:
    """What an HTTP status says about the provider; `ours` when it blames the request, None below 400."""
    known = {401: "auth", 403: "auth", 407: "auth", 408: "timeout", 418: "rate_limit", 425: "outage", 429: "rate_limit"}
    if status < 400:
        return None
    return known.get(status) or ("blocked" if status == 451 else "outage" if status >= 500 else OURS)


def status_in(text: str) -> int | None:
    """The first HTTP error status in an exception's message."""
    match = _STATUS.search(text)
    return int(next(group for group in match.groups() if group)) if match else None


def refined(kind: str, text: str, rules: Rules) -> str:
    """A class that only says `network` may carry a message that says more."""
    if kind != "network":
        return kind
    said = rules.text_kind(text)
    if said and said[0] in ("rate_limit", "outage", "timeout"):
        return said[0]
    return "timeout" if _TIMED_OUT.search(text) else kind


def load_rules(path: Path | str) -> Rules:
    """Read the rules file. Raises RulesError naming the file and the entry that is wrong."""
    try:
        with Path(path).open("rb") as handle:
            data = tomllib.load(handle)
        return _rules(data)
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, re.error) as error:
        raise RulesError(f"{path}: {type(error).__name__}: {error}") from error


def _rules(data: Mapping[str, Any]) -> Rules:
    policy, levels, recovered, network = data["policy"], data["levels"], data["recovered"], data["network_code"]
    classes = _classes(data["exception"])
    statement, summary, empty = data["statement"], data["summary"], data["empty_handed"]
    return Rules(
        classes=classes,
        short_names=_short_names(classes),
        class_names=_text_rules(data["exception_name"], "exception_name"),
        ours=_text_rules(data["ours"], OURS),
        messages=_text_rules(data["message"], "message"),
        drift=[_drift_rule(entry, number) for number, entry in enumerate(data["drift"])],
        chatter=re.compile("|".join(f"(?:{_global_flags(p)})" for p in data["chatter"]["patterns"])),
        quiet=re.compile(levels["quiet"]),
        log_error=re.compile(levels["log_error"]),
        recovered=re.compile(recovered["pattern"]),
        success=re.compile(recovered["success"]),
        error_words=re.compile(data["error_words"]["pattern"]),
        log_prefix=re.compile(statement["log_prefix"]),
        segment=re.compile(statement["segment"]),
        gave_up=re.compile(summary["gave_up"]),
        summary=re.compile(summary["pattern"]),
        wind_down=re.compile(summary["wind_down"]),
        empty_handed=re.compile(empty["statement"]),
        emptiness=re.compile(empty["exception"]),
        nothing=re.compile(empty["nothing"]),
        statement_words=re.compile(statement["words"]),
        quoted=re.compile(statement["quoted"]),
        network_file=re.compile(network["file"]),
        not_network_file=re.compile(network["not_file"]),
        loopback=re.compile(policy["loopback"]),
        own_service=re.compile(policy["own_service"]),
        refused=re.compile(policy["refused"]),
        loopback_is_external=policy["loopback_refused_is_external"],
    )


def _global_flags(pattern: str) -> str:
    """`(?i)x` as `(?i:x)`, which may stand inside an alternation."""
    return f"(?i:{pattern[4:]})" if pattern.startswith("(?i)") else pattern


def _classes(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Qualified class name -> disposition. A name with a dot is whole; another belongs to the entry's module."""
    classes: dict[str, str] = {}
    for entry in entries:
        entry["source"]
        prefix = "" if entry["module"] == "builtins" else f"{entry['module']}."
        for disposition in _DISPOSITIONS:
            for name in entry.get(disposition, ()):
                classes[name if "." in name else prefix + name] = disposition
    return classes


def _short_names(classes: Mapping[str, str]) -> dict[str, str]:
    """Bare class name -> disposition; where libraries differ the message decides, unless one of them says `ours`."""
    short: dict[str, set[str]] = {}
    for name, disposition in classes.items():
        short.setdefault(name.rpartition(".")[2], set()).add(disposition)
    return {
        name: OURS if OURS in found else found.pop() if len(found) == 1 else BY_MESSAGE for name, found in short.items()
    }


def _text_rules(entries: Iterable[Mapping[str, Any]], table: str) -> list[TextRule]:
    return [
        TextRule(
            pattern=re.compile(entry["pattern"]),
            kind=_kind(entry.get("kind", OURS)),
            name=f"{table}[{number}]",
            warning=entry.get("warning", False),
            always=entry.get("always", False),
            before=_optional(entry, "before"),
            unless_before=_optional(entry, "unless_before"),
        )
        for number, entry in enumerate(entries)
        if entry["source"]
    ]


def _drift_rule(entry: Mapping[str, Any], number: int) -> DriftRule:
    entry["source"]
    return DriftRule(
        kind=_kind(entry["kind"]),
        name=f"drift[{number}]",
        class_=re.compile(entry["class"]),
        message=re.compile(entry["message"]),
        file=_optional(entry, "file"),
        function=_optional(entry, "function"),
        through=_optional(entry, "through"),
        code=_optional(entry, "code"),
    )


def _optional(entry: Mapping[str, Any], key: str) -> re.Pattern[str] | None:
    return re.compile(entry[key]) if key in entry else None


def _kind(kind: str) -> str:
    if kind not in _DISPOSITIONS:
        raise ValueError(f"unknown kind {kind!r}")
    return kind
