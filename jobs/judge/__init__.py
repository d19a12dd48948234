"""Was it the provider or was it us? Judges the final error of a program that is not ours.

Machine signals come first: the exit code, then the class of the last exception; words decide only what is left. Only
the final error counts: a log may mention 429 a hundred times. What is not recognised is a bug. Standard library only,
so that the supervisor can import it under `python -I -S`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from utils.exception_classes import BY_STATUS, OURS, RulesError

from .exceptions import of_chain
from .printed import Traceback, clean_lines, last_traceback
from .rules import RULES_PATH, Rules, Verdict, load_rules, verdict
from .words import of_text

__all__ = ["RULES_PATH", "Rules", "RulesError", "Verdict", "judge", "load_rules"]

TAIL_BYTES = 64 * 1024
_CALLED = re.compile(r"^Command (?P<command>.+) returned non-zero exit status (?P<code>\d+)")
_NET_PROGRAMS = re.compile(r"\b(curl|wget|git|ssh|scp|rsync|node)\b")
_GROUP = "Exception Group Traceback (most recent call last):"  # its members may be anybody's: a person looks
_LOGGED = re.compile(r"(?i)\b(ERROR|CRITICAL|FATAL|EXCEPTION|WARNING)\b")


def judge(tail: bytes, exit_code: int, rules: Rules, command: Sequence[str] = ()) -> Verdict:
    """Judge a failed program by its exit code, its name in `command` and the last 64 KiB of its output.

    Never external, whatever was printed: 0, death by signal n (128 + n or negative), 124 (timed out), 126 and 127 (no
    such program), 200 and 201 (guards). 128 and 255 are git's and ssh's own codes, not signals.
    """
    if exit_code <= 0 or exit_code in (124, 126, 127, 200, 201) or 128 < exit_code <= 192:
        return verdict(OURS, "exit code", str(exit_code))
    program = command[0].rpartition("/")[2] if command else ""
    documented = rules.of_exit_code(program, exit_code)
    if documented in (None, BY_STATUS):
        return _of_lines(clean_lines(tail[-TAIL_BYTES:]), rules)
    own_service = rules.is_our_service(" ".join(("refused", *command)))
    return verdict(OURS if own_service else documented, f"exit_codes.{program}", f"{program} exited with {exit_code}")


def _of_lines(lines: Sequence[str], rules: Rules) -> Verdict:
    traceback = last_traceback(lines)
    if any(_GROUP in line for line in lines):
        return verdict(OURS, "an exception group", _GROUP)
    if traceback is None:
        return of_text(lines, rules)
    found = _of_traceback(traceback, lines, rules)
    return (found.external and _contradiction(traceback, lines[traceback.end :], rules)) or found


def _of_traceback(traceback: Traceback, lines: Sequence[str], rules: Rules) -> Verdict:
    """The verdict on a traceback's final exception; on what curl or git printed before, where a script ran that."""
    final = traceback.chain[-1]
    called = _CALLED.match(final.message)
    if called and final.name == "subprocess.CalledProcessError":
        if not _NET_PROGRAMS.search(called["command"]):
            return verdict(OURS, "subprocess", final.message)
        return _of_lines(lines[: traceback.start], rules)
    return of_chain(traceback.chain, rules)


def _contradiction(traceback: Traceback, after: Sequence[str], rules: Rules) -> Verdict | None:
    """A line after an external traceback that makes the failure ours: another error, or work that went on."""
    logged = bool(_LOGGED.search(traceback.before))
    for line in after:
        if rules.looked_past(line) or rules.is_("gave_up", line):
            continue
        quiet = rules.is_("quiet", line)
        if logged and (rules.is_("recovered", line) or (quiet and not rules.is_("wind_down", line))):
            return verdict(OURS, "went on after the traceback", line)
        another = rules.is_("error_words", line) and not rules.text_kind(line)
        if not quiet and (another or rules.never_external(line)):
            return verdict(OURS, "error after the traceback", line)
    return None
