"""The nightly check of a loop: every line of its journal, replay, a backtest of its whole window, the restart drill.

The result is in data/live/checks/<tag>.json, which the go-live report reads.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from pyjobs.live.equal import verdict, window
from pyjobs.live.equal.logs import BadLine, read, spec_of
from pyjobs.live.equal.verdict import Verdict
from pyjobs.live.golive.drill import NOT_YET, drilled
from pyjobs.live.spec import Spec, code_of
from pyjobs.market.times import utc_text
from utils import paths
from utils.errors import MissingInputError, NightdeskError
from utils.files import atomic, os_files
from utils.run import one_line

NEVER = "it was not reached"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a check. `result`: PASS, FAIL or NOT YET; `lines`: lines to read; `drill`: what went wrong, or "".

    `of`: as `name_of`; `code`: what decided it, as `spec.code_of`."""

    at_s: float
    of: str = ""
    code: str = ""
    last_ms: int = 0
    rows: int = 0
    trades: int = 0
    explained: int = 0
    result: str = "FAIL"
    lines: list[str] = msgspec.field(default_factory=list, name="told")
    drill: str = ""

    @property
    def failed(self) -> bool:
        """Whether a person has to look; a loop that has just begun is red, and no failure."""
        return self.result == "FAIL" or self.drill not in ("", NOT_YET)


def file_of(tag: str) -> Path:
    """The file of a loop's last check."""
    return paths.data_dir() / "live/checks" / f"{tag}.json"


def check(spec: Spec, now_s: float) -> Checked:
    """Check one loop and write what came of it. An unreadable file is a FAIL that names it; an unexpected exception (a
    user's strategy may raise anything) is one, too, and is raised.
    """
    try:
        done = _checked(spec, now_s)
    except Exception as error:
        _write(spec, Checked(at_s=now_s, lines=[one_line(error)], drill=NEVER))
        raise
    return _write(spec, done)


def _write(spec: Spec, done: Checked) -> Checked:
    path = file_of(spec.tag)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = as_json(msgspec.structs.replace(done, of=name_of(spec), code=code_of(spec.strategy)))
    atomic.write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return done


def name_of(spec: Spec) -> str:
    """The identity of a check's journal: a loop with another series or strategy is a different one."""
    return f"{spec.place.name} {spec.fingerprint}"


def _checked(spec: Spec, now_s: float) -> Checked:
    try:
        with verdict.no_cycles():
            made, last_ms, rows = _judged(spec)
        found = made.compared
        outcome = verdict.as_lines(made)
        result = "PASS" if made.passed else "FAIL"
        return Checked(
            at_s=now_s, last_ms=last_ms, rows=rows, trades=found.live_trades, explained=found.explained,
            result=result, lines=outcome, drill=drilled(spec),
        )  # fmt: skip
    except MissingInputError as error:
        begun = spec.place.bars.exists()  # then decisions have been there
        return Checked(at_s=now_s, result="FAIL" if begun else "NOT YET", lines=[str(error)], drill=NOT_YET)
    except (NightdeskError, OSError, ValueError) as error:
        return Checked(at_s=now_s, lines=[str(error)], drill="the journal cannot be read")


def _judged(spec: Spec) -> tuple[Verdict, int, int]:
    made = Verdict(live_tag=spec.tag, other_tag=f"{spec.tag}_bt_check")
    try:
        log = read(spec.place, live=True)
    except BadLine as error:
        return verdict.broken(made, error, spec.place), 0, 0
    own = spec_of(log)
    lane, code = own.lane(f"tag {spec.tag}"), code_of(own.strategy)
    found = verdict.judged(made, log, window.as_log(log, lane, code=code), made_here=True)
    if not found.passed:  # a reported failure is the core's, a bar at a time
        made = Verdict(live_tag=made.live_tag, other_tag=made.other_tag)
        found = verdict.judged(made, log, window.as_log(log, lane, code=code, by_bar=True), made_here=True)
    return found, log.last_ms, len(log.decisions)


def as_json(done: Checked) -> dict[str, Any]:
    """For the file, and for monitors."""
    found: dict[str, Any] = msgspec.to_builtins(done)
    return found


def unproven(spec: Spec, done: Checked) -> str:
    """Why a check does not apply to what decides now: it was of other code. Empty where it was of this code."""
    if done.code == (now := code_of(spec.strategy)):
        return ""
    since = utc_text(round(done.at_s * 1000))
    return f"not yet proven since {since}: that check was of code {done.code or 'unknown'}, and {now} decides now"


def last_of(tag: str) -> Checked | None:
    """The result of a loop's last check; None where there was none, or its file is torn."""
    try:
        return msgspec.json.decode(os_files.held_bytes(file_of(tag)), type=Checked)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None
