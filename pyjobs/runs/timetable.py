"""A desk's timetable: when its jobs are to start, the crontab lines that do it, and when each should have ended."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from pyjobs.market.exchanges import Exchange
from utils import trading_day, wall_clock
from utils.trading_day import Calendar, Session
from utils.wall_clock import DAY_MIN, clock_text

READY_AFTER_MIN = 15  # of the close, where an exchange does not say when its bars are there


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One job: its script, where it stands in the crontab, and until when it may take (minutes of the market's day)."""

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

    def crontab(self, clone: Path, desk: Path | None) -> list[str]:
        """The lines, each with what it is for; `desk`: a file to name, where it is not the one that jobs look for."""
        lines = [f"# desk on {self.market}; the times are this box's ({self.zone}), in the comments the market's"]
        lines += [f"MARKET={self.market}"]
        for job in self.jobs:
            words = [str(clone / "batch" / job.script)]
            words += ["--desk", str(desk)] if desk and job.script in TAKE_A_DESK else []
            lines += [f"# {job.at}: {job.why}", f"{job.when}  {shlex.join(words)}".replace("%", r"\%")]
        return lines

    def job_book(self, shipped: str) -> str:
        """secret/jobs.yaml: the shipped jobs.yaml with this desk's market and times."""
        due = {job.job: job.due for job in self.jobs if job.due}
        return "".join(self._line(line, due) for line in shipped.splitlines(keepends=True))

    def _line(self, line: str, due: dict[str, str]) -> str:
        job = re.match(r"  (\w+): ", line)
        if job is None:
            return line
        line = re.sub(r"market: XKRX", f'market: "{self.market}"', line)
        return re.sub(r'due: "[\d:]+"', f'due: "{due[job[1]]}"', line) if job[1] in due else line


TAKE_A_DESK = ("run_scanner.sh", "run_report_eod.sh", "run_report_watchlist.sh", "run_nightly.sh", "run_healthcheck.sh")
BEFORE_THE_OPEN = ("precache_benchmarks", "report_watchlist")
EVERY_DAY = ("report_watchlist", "healthcheck")


def timetable(market: str, exchanges: Iterable[Exchange], zone_name: str, now_s: float) -> Timetable:
    """The times for a desk on `market` whose bars come from `exchanges`, on a box whose clock is `zone_name`'s.

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
