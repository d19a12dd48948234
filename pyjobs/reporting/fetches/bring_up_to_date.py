"""Bring a desk's fetched bars up to date before a verb uses them: the fetch, its table, its report."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec

from pyjobs.account.desk.desk_setups import check_desk, made
from pyjobs.market.desk.completed import members_moved
from pyjobs.market.desk.desk_file import Desk, load_desk, wanted_listings
from pyjobs.market.desk.listings import sessions_kept
from pyjobs.market.desks import flag_for
from pyjobs.market.exchanges import load_exchanges
from pyjobs.market.ingest.news.lines import REBASED, mark_printed
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.providers.asking.ask import network_allowed
from pyjobs.market.store.open_store import open_store
from pyjobs.market.universe.fetch_desk import Job, bring_listings, fetch_desk, reported
from pyjobs.market.universe.fetch_file import Fetch
from pyjobs.market.universe.looking import looked
from pyjobs.market.universe.looking.looked import Found
from pyjobs.market.universe.report import as_json, report
from pyjobs.market.universe.verdict import Verdict
from pyjobs.reporting.fetches.lines import COLUMNS, missing_lines, notes, rows
from pyjobs.strategy.scan import longest_lookback
from utils import clock, paths, trading_day
from utils.errors import NightdeskError, UsageError
from utils.files import os_files
from utils.files.text_files import write_json
from utils.progress import ProgressReport
from utils.settings import config
from utils.tables import text_table

REPORT = "reports/fetch.json"


def begun(path: Path, *, history: int | None = 0, kept_at: Path | None = None) -> tuple[Desk, Job]:
    """The desk in the file at `path`, and a fetch for it. A listing the desk names is brought when none was kept.

    `history`: by how many sessions it may go back where histories come by the board (None: to the end). `kept_at`:
    where the desk's file will be, when that is not `path`: commands that are printed name it.
    Raises as `load_desk`, and as the provider when there is no listing at all.
    """
    job = new_job()
    job.history, job.named = history, flag_for(kept_at or path, paths.config_dir())
    wanted = wanted_listings(path)
    kept = {exchange: sessions_kept(exchange) for exchange in wanted}
    bring_listings(wanted, job)
    desk = load_desk(path)
    check_desk(desk, path)
    if any(sessions_kept(exchange) != kept[exchange] for exchange in wanted):
        _note_filters(path, job)
    job.need_bars = need_of(desk, source=str(path))
    return desk, job


def _note_filters(path: Path, job: Job) -> None:
    """Which shares the desk's filters let in or out with a new listing: once, as a listing is new once."""
    for exchange, lines in members_moved(path, now_s=job.now_ms / 1000).items():
        boards = job.boards_of(exchange)
        if boards is not None:
            boards.notes += lines


def new_job(need_bars: Callable[[], int] = lambda: 0) -> Job:
    """A fetch of now: of a job of the schedule a hurried one, of a person at a terminal a patient one."""
    progress = ProgressReport(sys.stderr)
    return Job(
        store=open_store(),
        sources=Sources(progress.say if sys.stderr.isatty() else None),
        exchanges=load_exchanges(config.own_or_default("exchanges.yaml")),
        need_bars=need_bars,
        now_ms=clock.now_ms(),
        progress=progress,
    )


def need_of(desk: Desk, *, source: str) -> Callable[[], int]:
    """How many bars the desk's setups look back, worked out when it is asked for. That raises as `make_setups`."""

    @cache
    def need_bars() -> int:
        return longest_lookback(made(desk.setups, source=source))

    return need_bars


def is_fetched(desk: Desk) -> bool:
    """Whether any instrument of the desk is fetched at all."""
    return any(each.fetched for each in desk.instruments)


def bring_up_to_date(
    desk: Desk,
    job: Job,
    *,
    session: dt.date | None = None,
    out: Path | None = None,
    all_missing: bool = False,
    quiet: bool = False,
    page: bool = False,
) -> Verdict:
    """Fetch what is due, print what came of it, and write fetch.json into the run folder `out`.

    `quiet`: only what is missing is printed, if anything. `page`: the lines about the series are for a page, and the
    caller calls `reported` when that is there. `session`: what is missing is judged by that session of the desk's
    market, not by the newest. Errors of single series are in the verdict. Raises UsageError when `session` is none,
    ConfigError, OSError.
    """
    job.until_ms = _close_of(desk, session)
    result = fetch_desk(desk, job)
    fetch = report(desk, result, job, network=network_allowed())
    if out is not None:
        write_json(out / REPORT, as_json(fetch, job))
    text = "\n".join([*missing_lines(fetch), ""]) if quiet else fetch_text(fetch, all_missing=all_missing)
    print(text.lstrip("\n"), end="", flush=True)
    job.lines = [entry for exchange in fetch.exchanges for entry in exchange.lines]
    if not quiet and not page:
        reported(job)
    return result.verdict


def fetch_text(fetch: Fetch, *, all_missing: bool = False) -> str:
    """The table, and a line for each reason why something is missing."""
    lines = [*notes(fetch), *missing_lines(fetch, all_of_them=all_missing)]
    return text_table(COLUMNS, rows(fetch)) + "".join(f"{line}\n" for line in lines)


def _close_of(desk: Desk, session: dt.date | None) -> int | None:
    if session is None:
        return None
    found = trading_day.load(desk.market).session(session)
    if found is None:
        raise UsageError(f"{session} is not a session of {desk.market}")
    return found.close_utc_s * 1000


def mark_published(run: Path, desk: Desk) -> None:
    """What fetch.json of a published `run` says of series and looks is noted no more; a night's fetch leaves it noted.

    So after a night that dies after its fetch the next one prints it. A note that cannot be removed is printed again.
    """
    try:
        fetch = msgspec.json.decode(os_files.held_bytes(run / REPORT), type=Fetch)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return  # without a fetch, or as one that failed has left it
    store = open_store()
    for exchange in fetch.exchanges:
        keys = [each.key for each in desk.instruments if each.exchange == exchange.exchange]
        found = looked.load(exchange.exchange).found
        with suppress(NightdeskError, OSError):
            if printed := tuple(line for line in found.lines if line in exchange.lines):
                count = found.revised if printed == found.lines else len(printed)
                looked.take_found(exchange.exchange, Found(revised=count, lines=printed))
        for key in keys:
            start = f"{key}: "
            lines = [line.removeprefix(start) for line in exchange.lines if line.startswith(start)]
            if lines or str(key) in exchange.rebased:
                with suppress(NightdeskError, OSError):
                    mark_printed(store, key, (*lines, REBASED))
