"""A desk's timetable: when its jobs are to start, the crontab lines that do it, and when each should have ended."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from pyjobs.market.exchanges import Exchange
from pyjobs.runs.job_history import OF_A_DESK
from utils import trading_day, wall_clock
from utils.files.atomic import write_bytes
from utils.trading_day import Calendar, Session
from utils.wall_clock import DAY_MIN, clock_text

READY_AFTER_MIN = 15  # of the close, where an exchange does not say when its bars are there


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One job: its script, its time in the crontab, and its latest end (minutes of the market's day)."""

    job: str
    script: str
    why: str
    when: str
    at: str
    due: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """All jobs of one desk's market, in the order of the market's day."""

    market: str
    zone: str
    jobs: tuple[Timed, ...]

    def crontab(self, clone: Path, desk: str) -> list[str]:
        """The lines, each with what it is for; `desk`: what --desk takes, where it is not the one jobs find without."""
        head = f"# desk {desk} on" if desk else "# desk on"
        lines = [f"{head} {self.market}; the times are this box's ({self.zone}), in the comments the market's"]
        of_desk = [job for job in self.jobs if job.script in TAKE_A_DESK]
        lines += [line for job in of_desk for line in self._cron(job, clone, desk)]
        lines += ["# once for the whole box, however many desks it has"]
        lines += [
            line
            for job in self.jobs
            if job not in of_desk
            for line in self._cron(job, clone, desk if _unknown(job, desk) else "")
        ]
        return lines

    def _cron(self, job: Timed, clone: Path, desk: str) -> Iterator[str]:
        words = [*([f"MARKET={self.market}"] if job.job == PRECACHE else []), str(clone / "batch" / job.script)]
        words += ["--desk", desk] if desk else []
        yield f"# {job.at}: {job.why}"
        yield f"{job.when}  {shlex.join(words)}".replace("%", r"\%")

    def job_plans(self, shipped: str, name: str = "") -> str:
        """secret/jobs.yaml: the shipped jobs.yaml with this desk's market and times.

        For a desk with a `name`, the shipped lines stay and those of that desk are added.
        """
        due = {job.job: job.due for job in self.jobs if job.due}
        if name:
            own = [self._line(line.replace(f"{job}:", f'"{job}@{name}":', 1), due) for job, line in _of_a_desk(shipped)]
            return shipped.rstrip("\n") + "\n" + "".join(own)
        return "".join(self._line(line, due) for line in shipped.splitlines(keepends=True))

    def _line(self, line: str, due: dict[str, str]) -> str:
        job = re.match(r'  "?(\w+)(?:@[^:"]+")?: ', line)
        if job is None:
            return line
        line = re.sub(r"market: XKRX", f'market: "{self.market}"', line)
        return re.sub(r'due: "[\d:]+"', f'due: "{due[job[1]]}"', line) if job[1] in due else line


def _unknown(job: Timed, desk: str) -> bool:
    """Whether health does not know the desk by itself: one that is neither config/desk.yaml nor in config/desks/."""
    return job.job == "healthcheck" and "/" in desk


def _of_a_desk(shipped: str) -> Iterator[tuple[str, str]]:
    """The lines of jobs.yaml of which each desk has its own, with their job."""
    for line in shipped.splitlines(keepends=True):
        job = line.strip().partition(":")[0]
        if line.startswith("  ") and job in OF_A_DESK:
            yield job, line


TAKE_A_DESK = ("run_scanner.sh", "run_report_eod.sh", "run_report_watchlist.sh", "run_nightly.sh")
PRECACHE = "precache_benchmarks"
BEFORE_THE_OPEN = ("precache_benchmarks", "report_watchlist")
EVERY_DAY = ("report_watchlist", "healthcheck")


def timetable(market: str, exchanges: Iterable[Exchange], zone_name: str, now_s: float) -> Timetable:
    """The times for a desk on `market` with bars from `exchanges`, on a box with the clock of `zone_name`.

    What needs the day's bars starts after the slowest provider of that market has them. Raises UsageError for a zone
    that is none.
    """
    calendar, zone = trading_day.load(market), wall_clock.zone_of(zone_name)
    sessions = wall_clock.ahead(calendar, now_s)
    opens = _usual(wall_clock.local_minutes(calendar, each, each.open_utc_s) for each in sessions)
    closes = _usual(wall_clock.local_minutes(calendar, each, each.close_utc_s) for each in sessions)
    ready = max([_ready(each, closes) for each in exchanges if each.market == market], default=closes)
    hours, days = wall_clock.hours_of(sessions, zone)
    put = _Putter(calendar=calendar, sessions=sessions, zone=zone)
    before = opens - 40 if opens >= 60 else ready % DAY_MIN + 60
    night = put("nightly", "run_nightly.sh", ready + 35, 80, "scan, queue, backtests, reports, manifest")
    health_at = _minutes(night.due) + 10
    jobs = [
        put("precache_benchmarks", "precache_benchmarks.sh", before, 40, "benchmarks, before anybody needs them"),
        put("report_watchlist", "run_report_watchlist.sh", before + 25, 15, "the watchlist, every day"),
        Timed(
            job="scanner", script="run_scanner.sh", when=f"*/5 {hours} * * {days}", at="while the market is open",
            why="the scan, every five minutes; its guard ends it in milliseconds outside",
        ),
        put("report_eod", "run_report_eod.sh", ready + 5, 35, "the day's report, tried again twice"),
        night,
        put("healthcheck", "run_healthcheck.sh", health_at, 0, "is all quiet because all is well?"),
        Timed(
            job="prune", script="run_prune.sh", when="30 4 * * 0", at="Sundays, 04:30 here",
            why="room for the next night",
        ),
        Timed(
            job="backup", script="run_backup.sh", when="15 5 * * *", at="every day, 05:15 here",
            why="what cannot be made again; BACKUP_TO=/another/disk",
        ),
        Timed(
            job="drill", script="run_drill.sh", when="40 5 1 * *", at="the first of a month, 05:40 here",
            why="can the backup be restored?",
        ),
    ]  # fmt: skip
    return Timetable(market=market, zone=zone_name, jobs=tuple(jobs))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Putter:
    calendar: Calendar
    sessions: Sequence[Session]
    zone: ZoneInfo

    def __call__(self, job: str, script: str, local: int, takes_min: int, why: str) -> Timed:
        """A job that starts at `local`; of a market that closes at midnight, early on the day after."""
        found = wall_clock.placed(
            self.calendar, self.sessions, local % DAY_MIN, self.zone, by_then=job in BEFORE_THE_OPEN
        )
        days = range(1, 8) if job in EVERY_DAY or local >= DAY_MIN else found.days
        at = clock_text(found.first) + (f" to {clock_text(found.last)}" if found.last > found.first else "")
        due = clock_text(min(found.last + takes_min, DAY_MIN - 1)) if takes_min else ""
        return Timed(job=job, script=script, why=why, when=found._replace(days=tuple(days)).when, at=at, due=due)


def _ready(exchange: Exchange, closes: int) -> int:
    if not exchange.ready:
        return closes + READY_AFTER_MIN
    return _minutes(exchange.ready)


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _usual(minutes: Iterable[int]) -> int:
    """The commonest; sessions that open late or close early are seen to by guards and calendars."""
    return Counter(minutes).most_common(1)[0][0]


def added(path: Path, lines: str) -> bool:
    """Whether `lines` now end the jobs file at `path`: only where it then holds what it held, and these jobs too."""
    text = path.read_text(encoding="utf-8")
    whole = text + ("" if text.endswith("\n") else "\n") + lines
    try:
        before, after, new = (yaml.safe_load(each) for each in (text, whole, f"jobs:\n{lines}"))
        if set(before["jobs"]) & set(new["jobs"]) or after != {**before, "jobs": {**before["jobs"], **new["jobs"]}}:
            return False
    except (yaml.YAMLError, TypeError, KeyError):
        return False  # a file of another form, or a broken one: healthcheck reports what is wrong with it
    write_bytes(path, whole.encode(), mode=0o600)  # what lies in secret/ is its owner's alone
    return True
