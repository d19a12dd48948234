"""What a run came from, taken when it was used: each step's code, configuration, data and packages as it began.

After a commit, an edit or another environment in the middle of a night the run shows it: the input of the first step
that used it is in the manifest, and what it became, and from which step on, is there as `mixed`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.runs import provenance
from utils.files import atomic, os_files

FILE = "logs/inputs.json"
INPUTS = ("code", "config", "data", "dependencies")
MARKS = "marks"
NO_BARS = ("import_bars", "fetch", "queue_signals", "report_daily", "report_golive", "report_index")
"""Steps of which no data is noted: they change it, and what others use is taken after them; or they look at none."""
FETCHES = ("import_bars", "fetch")
Completed = tuple[Sequence[SeriesKey], Sequence[Path]]


@dataclass(slots=True, kw_only=True)
class Witness:
    """Notes the inputs of each step of a run in its folder. `taken`: what was noted, in order, one note a change.

    `marks`: by them a change is seen without reading; each note has them as they were, for who looks after this one.
    `lists`: files the desk file is completed from (a CSV of symbols, a listing). `completed` gives series and lists
    again, for the steps after a fetch, which may have kept a newer listing.
    """

    run_dir: Path
    clone: Path
    desk_file: Path
    config_dir: Path
    series: Sequence[SeriesKey]
    store: BarStore
    lists: Sequence[Path] = ()
    completed: Callable[[], Completed] | None = None
    taken: list[dict[str, Any]] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)

    def note(self, step: str) -> None:
        """Look once more, when `step` begins; what is the same since the last look is not read again."""
        try:
            if self.completed and step not in FETCHES:
                self._complete(self.completed)
            series = () if step in NO_BARS else self.series
            marks = provenance.marks(self.clone, self.desk_file, self.config_dir, series, self.store, self.lists)
            wanted = [name for name in INPUTS if name != "data" or step not in NO_BARS]
            changed = {name: self._of(name) for name in wanted if marks[name] != self.marks.get(name)}
        except OSError:
            return  # a file went away meanwhile: the next step will report it
        self.marks |= {name: marks[name] for name in changed}
        known = latest(self.taken)
        news = {name: entry for name, entry in changed.items() if _hash(entry) != _hash(known.get(name))}
        if changed:
            self.taken.append({"step": step, **news, MARKS: dict(self.marks)})
            atomic.write_text(self.run_dir / FILE, json.dumps(self.taken, indent=1, ensure_ascii=False) + "\n")

    def _complete(self, completed: Callable[[], Completed]) -> None:
        """From here on the desk has the symbols of its newest listing; that is no change in the middle of the night."""
        first = next((note["config"] for note in self.taken if "config" in note), None)
        unchanged = first == self._of("config")
        (self.series, self.lists), self.completed = completed(), None
        if first is not None and unchanged:
            first.update(self._of("config"))

    def _of(self, name: str) -> dict[str, object]:
        if name == "code":
            return provenance.code(self.clone)
        if name == "config":
            return provenance.config(self.desk_file, self.config_dir, self.lists)
        if name == "data":
            return provenance.data(self.series, self.store)
        return provenance.dependencies(self.clone)


def read(run_dir: Path) -> list[dict[str, Any]]:
    """What was noted in a run folder; nothing when nothing was, or it cannot be read."""
    try:
        found = os_files.read_json(run_dir / FILE)
    except (OSError, ValueError):
        return []
    return [note for note in found if isinstance(note, dict)] if isinstance(found, list) else []


def marks_of(taken: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The marks of what was noted last: while they are the same, so are the inputs."""
    return next((dict(note[MARKS]) for note in reversed(taken) if isinstance(note.get(MARKS), dict)), {})


def inputs_of(taken: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each input as it was first used; `mixed` in it: what it became while the run went on, and from which step on."""
    found: dict[str, Any] = {}
    for note in taken:
        for name in INPUTS:
            result = note.get(name)
            if result is None:
                continue
            if name not in found:
                found[name] = dict(result)
            else:
                then = {key: value for key, value in result.items() if not isinstance(value, dict)}
                found[name].setdefault("mixed", []).append({"from_step": note.get("step"), **then})
    return found


def mixed(inputs: Mapping[str, Any]) -> list[str]:
    """A line for each input that changed while the run went on."""
    lines = []
    for name in INPUTS:
        for then in (inputs.get(name) or {}).get("mixed", ()):
            was, now = (str(each.get("commit") or each.get("sha256"))[:9] for each in (inputs[name], then))
            edited = " (edited)" if was == now else ""
            lines.append(f"{name} changed while the run went on: {was}, from {then.get('from_step')} on {now}{edited}")
    return lines


def latest(taken: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each input as it was noted last."""
    return {name: note[name] for note in taken for name in INPUTS if note.get(name) is not None}


def _hash(record: Mapping[str, Any] | None) -> tuple[object, object]:
    return ((record or {}).get("sha256"), (record or {}).get("commit"))
