"""Every check, in the order a person would ask. What cannot be looked at is a FAIL of its own; the others stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

from pyjobs.account.desk.desk_setups import check_setups
from pyjobs.live import health as live_health
from pyjobs.market import desks, mirror
from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.desk_file import Desk, load_desk
from pyjobs.market.exchanges import Exchange, load_exchanges
from pyjobs.market.ingest import instances
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates, as_line
from pyjobs.market.providers.asking.circuit_breaker import State as ProviderState
from pyjobs.market.store.bar_store import BarStore
from pyjobs.runs import job_history as jobs
from pyjobs.runs.job_history import JobPlans, JobRun
from pyjobs.runs.verdict import backups, machine, places, records, repos, results, series, watched
from pyjobs.runs.verdict.findings import Asked, Check, State
from pyjobs.runs.verdict.holders import check_locks, holders, left_behind
from pyjobs.runs.verdict.job import judge
from pyjobs.runs.verdict.records import AHEAD_S, Records
from pyjobs.runs.verdict.watched import Kept, Place
from utils import paths, trading_day
from utils.errors import ConfigError, NightdeskError
from utils.exit_codes import ExitCode
from utils.files import private
from utils.settings import config, credentials
from utils.trading_day import Calendar

T = TypeVar("T")
JOBS_FILE = "jobs.yaml"
WATCHER = "healthcheck"
DAY_S = 86_400
CALENDAR_WARNING_DAYS = 30
RECENT_ERRORS_DAYS = 7
MANY_FAILURES = 3
SERIES_S = 600.0  # thousands of series are looked at
SAID_TO_STAY = ("auth", "blocked", "schema")  # until an answer comes a person has to act


class House(NamedTuple):
    """Where everything is, and what time it is there (UTC seconds). `desk_file`: of this desk only; None: of all."""

    now_s: float
    desk_file: str | None = None

    def place(self) -> Place:
        """The traces that runs leave apart from the history."""
        locks = paths.locks_dir()
        return Place(paths.logs_dir(), holders(locks, self.now_s), left_behind(locks))


def look(house: House) -> Iterator[Check]:
    """Look at everything; a check is an answer, also when its subject cannot be read, or does not answer in time."""
    now_s, failed, asked = house.now_s, list[Check](), Asked()
    tried = partial(_tried, asked, failed)
    result = tried("history", lambda: records.read(paths.logs_dir(), now_s)) or Records([])
    plans = tried(f"config {JOBS_FILE}", load_plans) or JobPlans(jobs={})
    files = tried("config desks", lambda: list(_desk_files(house, failed))) or []
    found = {path: tried(name, partial(_desk, path)) for name, path in files}
    known = [desk for desk in found.values() if desk is not None]
    kept = tried("config instances", lambda: load_kept(failed)) or []
    silent_ms = tried("config exchanges", _silences) or {}
    states = tried("provider", ProviderStates().all) or []
    yield from [check_clock(result, states, now_s), places.git_head(paths.ROOT)]
    yield places.check_python(paths.ROOT, paths.root())
    yield from failed
    data, runs = paths.data_dir(), paths.data_dir() / "server_runs"
    folders = [paths.logs_dir(), data, paths.locks_dir(), runs]
    yield from places.writable(folders, paths.root(), asked)
    yield from chain.from_iterable(asked.ask_each(paths.root(), *row) for row in _of_the_house(folders, now_s))
    markets = watched.calendars(plans.jobs)
    markets |= {market for desk in known for market in (desk.market, *(i.market for i in desk.instruments))}
    several = house.desk_file is not None or len(known) > 1
    rows: list[tuple[str, Callable[[], Iterable[Check]]]] = [
        ("calendar", lambda: check_calendars(sorted(markets), now_s)),
        ("job", lambda: check_jobs(plans, result.runs, kept, house)),
        ("history", lambda: [check_recent_errors(result.runs, now_s), records.check_history(result)]),
        ("lock", lambda: check_locks([each for each in house.place().held if each.name != WATCHER], now_s)),
        ("lock", lambda: places.check_lock_files(paths.locks_dir())),
        ("provider", lambda: check_providers(states, now_s)),
        ("boards", lambda: series.check_boards(known, _exchanges(), now_s)),
        ("run", lambda: results.check_last_runs(runs, now_s, [desk.name for desk in known if several])),
        *(("actions", partial(results.check_actions, desk)) for desk in known),
        ("live", lambda: [Check(x.name, x.state, x.detail, "live") for x in live_health.look(int(now_s * 1000))]),
    ]
    yield from chain.from_iterable(asked.ask_each(paths.root(), *row) for row in rows)
    every = [*chain.from_iterable(map(_desk_series, known)), *(tried("data", lambda: list(_kept_series())) or [])]
    seen = partial(series.check_all, every, BarStore(data / "raw"), now_s, _flags(found), silent_ms)
    yield from Asked(SERIES_S).ask_each(data / "raw", "data", seen)


def _of_the_house(folders: Sequence[Path], now_s: float) -> list[tuple[str, Callable[[], Iterable[Check]]]]:
    """What is looked at apart from jobs, desks and series: a word for it, and who looks."""
    root, data, runs = paths.root(), paths.data_dir(), paths.data_dir() / "server_runs"
    return [
        ("write", lambda: places.check_record_file(paths.logs_dir() / "history.jsonl")),
        ("disk", lambda: [places.check_disk([*folders, root])]),
        ("storage", lambda: [results.check_storage(runs, places.free_at(data))]),
        ("access", lambda: [places.check_private(private.problems(str(root)), private.sharers(str(root)))]),
        ("databases", lambda: places.check_databases(data / "queue")),
        ("format", lambda: machine.check_stored(paths.ROOT, root)),
        ("backup", lambda: [backups.check_backup(data, now_s)]),
        ("repos", lambda: repos.check_repos(root)),
        ("mirror", check_mirror),
    ]


def load_plans() -> JobPlans:
    """The jobs file that counts, yours in secret/ or else config/jobs.yaml, with a line for each desk there is."""
    markets = {each.name: desks.market_of(each) for each in desks.own_desks(paths.config_dir())}
    return jobs.load_job_plans(config.own_or_default(JOBS_FILE)).on_desks(markets)


def load_since() -> dict[str, float]:
    """Since when there is each named desk (UTC seconds)."""
    return {each.name: each.since_s for each in desks.named_desks(paths.config_dir())}


def load_kept(failed: list[Check] | None = None) -> list[Kept]:
    """The configured instances, each with the time since which the first of its files has been there.

    A file that is none becomes one of the `failed`, where they are given.
    """
    since: dict[tuple[str, str, str], float] = {}
    faults: dict[Path, ConfigError] = {}
    every = instances.load_all(faults)
    if failed is not None:
        failed += [Check("config instances", "FAIL", str(error), "config") for error in faults.values()]
    for path in (each for each in instances.files() if each not in faults):
        series, written_s = instances.series_of(instances.load(path)), path.stat().st_mtime
        since[series] = min(written_s, since.get(series, written_s))
    return [Kept(each.name, since[instances.series_of(each)], each.gap_repair) for each in every]


def check_clock(found: Records, states: Sequence[ProviderState], now_s: float) -> Check:
    """Whether this clock agrees with what was written by it: runs and answers from later than now are a WARN."""
    at = f"{dt.datetime.fromtimestamp(now_s, dt.UTC):%Y-%m-%d %H:%M} UTC"
    later = [float(run.end_s) for run in found.future] if not found.mended else []
    later += [s for state in states for s in (state.last_ok_s, state.last_failure_s) if s > now_s + AHEAD_S]
    if not later:
        return Check("clock", "OK", at, "clock")
    newest = f"{dt.datetime.fromtimestamp(min(max(later), 2e11), dt.UTC):%Y-%m-%d %H:%M} UTC"
    what = f"the newest of {len(later)} records from later is" if len(later) > 1 else "a record is"
    return Check("clock", "WARN", f"is the clock right? It shows {at}, but {what} of {newest}: passed over", "clock")


def check_mirror() -> Iterator[Check]:
    """The database that bars are copied to, when DATABASE_URL names one."""
    try:
        url = credentials.find("DATABASE_URL")
    except (NightdeskError, OSError) as error:
        yield Check("mirror", "FAIL", str(error), "mirror")
        return
    if url:
        yield places.check_mirror(partial(mirror.try_out, url))


def check_calendars(markets: Sequence[str], now_s: float) -> Iterator[Check]:
    """Beyond its end a calendar refuses every guard: a WARN begins 30 days before."""
    for market in markets:
        try:
            yield check_calendar(market, trading_day.load(market), now_s)
        except NightdeskError as error:
            yield Check(f"calendar {market}", "FAIL", str(error), "calendar")


def check_calendar(market: str, calendar: Calendar, now_s: float) -> Check:
    """One market's; outside of what it covers the first question is whether the clock is right."""
    name, left = f"calendar {market}", calendar.days_left(now_s)
    today = dt.datetime.fromtimestamp(min(max(now_s, 0), 2e11), dt.UTC).date()
    if today < calendar.first:
        text = f"is the clock right? It shows {today}, the calendar begins on {calendar.first}"
        return Check(name, "FAIL", text, "calendar")
    if left < 0:
        text = f"ended {-left} days ago: is the clock right (it shows {today})? Then update nightdesk"
        return Check(name, "FAIL", text, "calendar")
    state: State = "WARN" if left < CALENDAR_WARNING_DAYS else "OK"
    return Check(name, state, f"{left} days left" + (": update nightdesk" if state == "WARN" else ""), "calendar")


def check_jobs(plans: JobPlans, runs: Sequence[JobRun], kept: Sequence[Kept], house: House) -> Iterator[Check]:
    """The verdict on each job that is scheduled, instance by instance; the others are one line."""
    now_s, place = house.now_s, house.place()
    units, others = watched.units(plans, runs, kept, now_s, watched.house_made_s(paths.root(), runs), load_since())
    if house.desk_file:
        name = desks.called(desks.desk_path(house.desk_file, paths.config_dir()))
        units = [unit for unit in units if unit.job not in jobs.OF_A_DESK or unit.instance == name]
    for unit in units:
        try:
            found = judge(watched.seen(unit, place, trading_day.load(unit.plan.market), now_s))
        except NightdeskError as error:
            yield Check(unit.name, "FAIL", f"cannot be judged: {error}", "job")
            continue
        yield Check(unit.name, found.state, f"{found.day}: {found.sentence}", "job")
    if others:
        yield Check("not scheduled", "OK", ", ".join(others), "not scheduled")


def check_recent_errors(runs: Sequence[JobRun], now_s: float) -> Check:
    """Failures of the last seven days, also those made good since; without the watcher's and mistyped commands."""
    name, since_s = "recent errors", now_s - RECENT_ERRORS_DAYS * DAY_S
    failed = [
        run
        for run in runs
        if run.outcome in ("fail", "retry")
        and run.end_s > since_s
        and run.job != WATCHER
        and run.code != ExitCode.USAGE
    ]
    if not failed:
        return Check(name, "OK", f"none in {RECENT_ERRORS_DAYS} days", name)
    last = failed[-1]
    see = f"see {last.log}" if last.log else "no log"
    text = f"{len(failed)} in {RECENT_ERRORS_DAYS} days, last {last.job} exit {last.code}: {see}"
    return Check(name, "WARN", text, name)


def check_providers(states: Sequence[ProviderState], now_s: float) -> list[Check]:
    """One that is blocked, fails again and again, or waits for a person (a password): a WARN until it answers."""
    checks = []
    for known in states:
        waits = known.failures > 0 and known.kind in SAID_TO_STAY
        troubled = waits or known.cooldown_left_s(now_s) > 0 or known.failures >= MANY_FAILURES
        state: State = "WARN" if troubled else "OK"
        checks.append(Check(f"provider {known.provider}", state, as_line(known, now_s), "provider"))
    return checks or [Check("providers", "OK", "none has been asked yet", "provider")]


def _desk_files(house: House, failed: list[Check]) -> Iterator[tuple[str, Path]]:
    """The files of the desks to look at, each with what a fault in it is called; the sample when there is no other."""
    own = desks.own_desks(paths.config_dir())
    if house.desk_file or not own:
        path = _tried(Asked(), failed, "config desk", lambda: desks.desk_path(house.desk_file, paths.config_dir()))
        yield from [("config desk", path)] if path else []
        return
    for each in own:
        yield f"config desk {each.name}".rstrip(), each.path


def _flags(found: Mapping[Path, Desk | None]) -> dict[SeriesKey, str]:
    """For each series what a command needs to be about its desk, of several the first."""
    flags: dict[SeriesKey, str] = {}
    for path, desk in found.items():
        flag = desks.flag_for(path, paths.config_dir())
        for one in desk.instruments if desk else ():
            flags.setdefault(one.key, flag)
    return flags


def _desk(path: Path) -> Desk:
    """The desk, its setups looked at as well: a night would refuse them."""
    desk = load_desk(path)
    check_setups(desk.setups, source=str(path))
    return desk


def _desk_series(desk: Desk) -> Iterable[tuple[SeriesKey, str, series.Rule]]:
    last_bar = desk.session == "last_bar"
    for each in desk.instruments:
        yield each.key, each.market, "any" if last_bar else "fetched" if each.fetched else "session"


def _exchanges() -> dict[str, Exchange]:
    return load_exchanges(config.own_or_default("exchanges.yaml"))


def _silences() -> dict[str, int]:
    return {name: one.silent_ms for name, one in _exchanges().items()}


def _kept_series() -> Iterable[tuple[SeriesKey, str, series.Rule]]:
    every = _tried(Asked(), [], "config instances", lambda: instances.load_all({}))
    exchanges = _exchanges() if every else {}
    for each in every or []:
        exchange = exchanges.get(each.exchange)
        key = SeriesKey(exchange=each.exchange, symbol=each.symbol, timeframe=each.timeframe)
        yield key, exchange.market if exchange else "24/7", "minutes"


def _tried(asked: Asked, failed: list[Check], name: str, ask: Callable[[], T]) -> T | None:
    """What `ask` answers; None when it cannot, which is then one of the `failed`."""
    try:
        return asked.in_time(ask, paths.root())
    except (NightdeskError, OSError) as error:
        kind = name.partition(" ")[0]
        failed.append(Check(name, "FAIL", str(error), kind))
        return None
