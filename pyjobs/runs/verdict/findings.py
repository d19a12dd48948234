"""What is looked at, why, and what to do about it: one table. And the answers: OK, WARN or FAIL, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from utils.exit_codes import ExitCode
from utils.files.in_time import is_silence, within

T = TypeVar("T")
PATIENCE_S = 60.0
ONCE_SILENT_S = 5.0  # what comes after a silent one may be on the same server, and there are thirty of them

State = Literal["OK", "WARN", "FAIL"]
RANK: dict[State, int] = {"OK": 0, "WARN": 1, "FAIL": 2}
SHOWN_WELL = 10  # so many healthy lines of one kind are shown; more are one line


class Looked(NamedTuple):
    """One row of the table: what is looked at, why, and the first thing to do when it is not well."""

    what: str
    why: str
    cure: str


LOOKED_AT: dict[str, Looked] = {
    "clock": Looked(
        "is the clock right", "a wrong clock makes every other answer wrong", "`date -u`; set it, then look again"
    ),
    "code": Looked("which commit runs, edited here or not", "results are traced by it", "`git status`"),
    "python": Looked("the interpreter of `PYTHONBIN` and its packages", "no job starts without", "`make setup`"),
    "config": Looked(
        "jobs file, desk and instances can be read",
        "a file that cannot be read is not watched",
        "mend the line it names",
    ),
    "write": Looked(
        "a file written, synced and renamed in `logs/ data/ .locks/ server_runs/`, a lock taken",
        "the night will do the same",
        "`df -h`, `mount`, `ls -ld` of the folder it names",
    ),
    "disk": Looked(
        "the least room of the file systems they lie on", "a full disk ends the night", "`batch/run_prune.sh --dry-run`"
    ),
    "storage": Looked(
        "what a night takes, and whether the disk is full before retention stops the growth",
        "a disk that fills slowly is seen months before it is full",
        "`batch/run_prune.sh --dry-run`, a smaller `KEEP_MAX_RUNS`",
    ),
    "other users": Looked(
        "whether only the jobs' user and `NIGHTDESK_GROUP` can lock what jobs lock",
        "who may open a lock file or the history may lock it",
        "the command it names; on a disk without modes (exFAT, NTFS, SMB) the mount option `umask=077` in its "
        "place; a group of one's own: `NIGHTDESK_GROUP`",
    ),
    "databases": Looked(
        "the signal queues open and can be locked", "the night fills them", "move the file it names away"
    ),
    "format": Looked(
        "what is stored has the format that this version reads",
        "until it has, no job reads it",
        "`python -m pyjobs.migrate`",
    ),
    "secrets": Looked(
        "only the jobs' user can read `.env` and `secret/`", "a key that others can read is theirs", "`chmod 600`"
    ),
    "backup": Looked(
        "when the last backup and the last restore drill were, and how they went",
        "a backup is only proven by a restore",
        "`batch/run_backup.sh`, then `batch/run_drill.sh`",
    ),
    "repos": Looked(
        "the repositories that `repos.lock` pins, where there is one",
        "what runs together was tried together",
        "`python -m pyjobs.repos sync`",
    ),
    "mirror": Looked(
        "the Postgres of `DATABASE_URL`, when there is one: it answers and has the tables",
        "jobs end well without it, and who reads it sees old bars",
        "`python -m pyjobs.mirror_candles`",
    ),
    "calendar": Looked("how far each market's calendar reaches", "beyond its end every guard refuses", "`git pull`"),
    "job": Looked(
        "each job that the jobs file schedules, each instance by itself, about the last time it was due",
        "cron sees 0 of a skip, and nothing of what never starts",
        "`jobs/why.sh JOB`",
    ),
    "not scheduled": Looked("jobs nothing starts by itself", "they are no outage", "`config/jobs.yaml`"),
    "recent errors": Looked(
        "failures of seven days", "also those that a later run made good", "`jobs/why.sh JOB DATE`"
    ),
    "history": Looked("lines of `logs/history.jsonl` that are no run of ours", "they are passed over", "look at them"),
    "lock": Looked(
        "who runs now, and for how long; whether another user's process holds a job's lock",
        "six hours are worth a look; a stranger's lock keeps its job `busy` for ever",
        "`jobs/why.sh JOB`; end the process it names",
    ),
    "provider": Looked(
        "this machine's state of each provider", "a ban or a password", "`python -m pyjobs.provider_state`"
    ),
    "run": Looked(
        "the last night that was kept: partial, or made from inputs that changed under it",
        "its figures may be of two minds",
        "`data/server_runs/`, its `manifest.json`",
    ),
    "actions": Looked(
        "corporate_actions.csv: what is given twice or matches nothing",
        "it gives wrong figures, and no other sign",
        "mend the line it names",
    ),
    "live": Looked(
        "each paper loop: undecided bars, bars that stay away, failed fetches, late or missing ones; the kill switch"
        "; a journal that keeps all loops from entering",
        "a loop that has stopped looks like one with no signal",
        "`jobs/live.sh status`, `events.csv` in the folder of its decisions",
    ),
    "data": Looked(
        "the age of each series that is kept up to date: the desk's, the instances'",
        "a job may be well and its data old",
        "`jobs/why.sh nightly`, `jobs/why.sh ingest`",
    ),
    "boards": Looked(
        "whether boards of KRX's earlier sessions were looked at again, where a desk has its shares",
        "what KRX revises later stays wrong else",
        "`python -m pyjobs.look_again`",
    ),
    "alert": Looked(
        "whether the last change of state reached a person", "nothing watches this box", "`secret/alerts.yaml`"
    ),
}


class Check(NamedTuple):
    """One answer: what was looked at (`kind` is its row of the table), how it is, and why."""

    name: str
    state: State
    detail: str
    kind: str = ""

    @property
    def cure(self) -> str:
        """The command to run next, with the job's own name in it."""
        row = LOOKED_AT.get(self.kind or self.name.split(" ")[0])
        if row is None or self.state == "OK":
            return ""
        return row.cure.replace("JOB DATE", "JOB").replace(
            "JOB", self.name.split(" ")[-1] if self.kind in ("job", "lock") else ""
        )


def worst(checks: Sequence[Check]) -> State:
    """The state of the whole: that of its worst part."""
    return max((check.state for check in checks), key=RANK.__getitem__, default="OK")


def exit_code(checks: Sequence[Check], *, strict: bool = False) -> ExitCode:
    """What health ends with: a code of its own for FAIL (with `strict` also for WARN), not that of a bug."""
    state = worst(checks)
    return ExitCode.UNWELL if state == "FAIL" or (strict and state == "WARN") else ExitCode.OK


def as_lines(checks: Sequence[Check]) -> list[str]:
    """A table for a person: state, what, why; what is wrong comes last, where the eye is and cron's mail ends."""
    shown = [check for check, _ in _few(checks)]
    width = max((len(check.name) for check in shown if len(check.name) <= 40), default=0)
    return [f"[{c.state:4}] {c.name:{width}}  {c.detail}" for c in sorted(shown, key=lambda check: RANK[check.state])]


def _few(checks: Sequence[Check]) -> list[tuple[Check, list[str]]]:
    """The checks; many of a kind with the same text (500 series that are well, or bare) as one, and their names."""
    found = Counter(_same(check) for check in checks)
    shown: list[tuple[Check, list[str]]] = []
    names: dict[tuple[str, State, str], list[str]] = {}
    for check in checks:
        what, count = _same(check), found[_same(check)]
        if not check.kind or count <= SHOWN_WELL:
            shown.append((check, []))
        elif what in names:
            names[what].append(check.name)
        else:
            names[what] = [check.name]
            text = f"{count} are well" if check.state == "OK" else f"{count}, the first {check.name}: {check.detail}"
            shown.append((Check(what[0], check.state, text, check.kind), names[what]))
    return shown


def _same(check: Check) -> tuple[str, State, str]:
    """A job's instances are many of a kind; several jobs are not, and each keeps its line."""
    kind = check.name.partition("@")[0] if check.kind == "job" else check.kind
    return kind, check.state, "" if check.state == "OK" else check.detail


def as_json(checks: Sequence[Check]) -> Mapping[str, object]:
    """The checks for a monitor, each with the command to run next; many alike are one row, whose `names` has all."""
    rows = []
    for c, names in _few(checks):
        row: dict[str, object] = {"name": c.name, "state": c.state, "detail": c.detail, "kind": c.kind, "cure": c.cure}
        rows.append(row | {"names": names} if names else row)
    return {"state": worst(checks), "checks": rows}


def many(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}{'s' if count != 1 else ''}"


@dataclass(slots=True)
class Asked:
    """How long an answer is waited for."""

    patience_s: float = PATIENCE_S

    def in_time(self, act: Callable[[], T], path: Path) -> T:
        """What `act` returns or raises; OSError (ETIMEDOUT) naming `path` where it does neither in time."""
        try:
            return within(self.patience_s, act, path)
        except OSError as error:
            if is_silence(error):
                self.patience_s = min(self.patience_s, ONCE_SILENT_S)
            raise

    def ask_each(self, home: Path, kind: str, ask: Callable[[], Iterable[Check]]) -> Iterator[Check]:
        """What `ask` finds; a FAIL where it does not answer in time."""
        try:
            yield from self.in_time(lambda: list(ask()), home)
        except OSError as error:
            if not is_silence(error):
                raise
            text = f"what it looks at below '{home}' {error.strerror}: a disk or a file server has gone away"
            yield Check(kind, "FAIL", f"{text} (df, mount)", kind)
