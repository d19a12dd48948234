"""Was it the provider or was it us? Judges the final error of a program that is not ours, by its output and exit code.

Only the final error counts: a log may mention 429 a hundred times. What is not recognised is a bug. Standard library
only, so that the supervisor can import it under `python -I -S`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from utils.foreign_errors.error_rules import OURS, Rules, RulesError, load_rules
from utils.foreign_errors.exception_verdict import Verdict, blame_provider, blame_us, of_chain
from utils.foreign_errors.final_error import Traceback, clean_lines, last_traceback
from utils.foreign_errors.text_verdict import of_text

__all__ = ["RULES_PATH", "Rules", "RulesError", "Verdict", "judge", "load_rules"]

RULES_PATH = Path(__file__).resolve().parent.parent / "config" / "external_errors.toml"
TAIL_BYTES = 64 * 1024
_EMPTY_FRAME = re.compile(r"^(Empty DataFrame|Columns: |Index: \[\])")
_STATEMENT_LINES = 8
_CALLED = re.compile(r"^Command (?P<command>.+) returned non-zero exit status (?P<code>\d+)")
_NET_PROGRAMS = re.compile(r"\b(curl|wget|git|ssh|scp|rsync|aria2c|lftp|node|npm|pip|psql|aws|gcloud|rclone)\b")


def judge(tail: bytes, exit_code: int, rules: Rules) -> Verdict:
    """Judge a failed program by the last 64 KiB of its output.

    Never external, whatever was printed: 0, death by signal n (128 + n or negative), 124 (timed out), 126 and 127 (no
    such program), 200 and 201 (guards). 128 and 255 are git's and ssh's own codes, not signals.
    """
    if exit_code <= 0 or exit_code in (124, 126, 127, 200, 201) or 128 < exit_code <= 192:
        return blame_us("exit code", str(exit_code))
    lines = clean_lines(tail[-TAIL_BYTES:])
    return _judge_lines(lines, rules)


def _judge_lines(lines: list[str], rules: Rules) -> Verdict:
    traceback = last_traceback(lines)
    if traceback is None:
        return of_text(lines, rules)
    verdict = _of_traceback(traceback, lines, rules)
    if not verdict.external:
        return _empty_handed(traceback, lines, rules) or verdict
    logged = bool(rules.log_error.search(traceback.introduced_by))
    return _contradiction(lines[traceback.end :], logged, rules) or verdict


def _contradiction(after: Sequence[str], logged: bool, rules: Rules) -> Verdict | None:
    """A line after an external traceback by which the failure is ours after all: another error, or a recovery."""
    worked_on = False
    for line in after if logged else ():
        if rules.quiet.search(line):
            worked_on = worked_on or not (rules.wind_down.search(line) or rules.is_summary(line))
        elif worked_on and rules.is_summary(line):
            return blame_us("worked on after the traceback", line)
    for line in reversed(after):
        if logged and (rules.recovered.search(line) or rules.success.search(line)):
            return blame_us("recovered after the traceback", line)
        head = rules.heads(line)[0]
        if rules.chatter.search(line) or rules.chatter.search(head) or rules.quiet.search(line):
            continue
        if rules.is_summary(line) or rules.gave_up.search(line):
            continue
        if rules.never_external(line):
            return blame_us("error after the traceback", line)
        if rules.text_kind(line):
            continue
        if rules.error_words.search(line):
            return blame_us("error after the traceback", line)
    return None


def _empty_handed(traceback: Traceback, lines: Sequence[str], rules: Rules) -> Verdict | None:
    """External after all: a client has just said that it got nothing, and nothing is what the caller tripped over."""
    if traceback.parts or not rules.emptiness.search(traceback.final.message):
        return None
    before = [line for line in lines[: traceback.start] if line.strip() and not _EMPTY_FRAME.match(line)]
    after = [line for line in lines[traceback.end :] if line.strip()]  # stdout, which a pipe delays
    for said_before in (before, after):
        if said_before and rules.empty_handed.search(said_before[-1]):
            said = rules.text_kind(said_before[-1], before=said_before[-_STATEMENT_LINES:-1])
            return blame_provider(said[0], said[1], said_before[-1]) if said and said[0] != OURS else None
    return None


def _of_traceback(traceback: Traceback, lines: Sequence[str], rules: Rules) -> Verdict:
    """The verdict on a traceback: on its members when it is a group, else on its final exception."""
    if traceback.parts:
        verdicts = [_of_traceback(part, lines, rules) for part in traceback.parts]
        return next((verdict for verdict in verdicts if not verdict.external), verdicts[0])
    called = _CALLED.match(traceback.final.message)
    if called and traceback.final.name == "subprocess.CalledProcessError":
        if not _NET_PROGRAMS.search(called["command"]):
            return blame_us("subprocess", traceback.final.message)
        return _judge_lines(list(lines[: traceback.start]), rules)
    return of_chain(traceback.chain, rules)
