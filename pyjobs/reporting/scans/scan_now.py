"""A scan while markets are open: fetch the newest bars, ask for quotes, scan, print what is news, remember it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyjobs.account.desk.desk_setups import made, setups_of
from pyjobs.market.desk import corporate_actions, snapshot
from pyjobs.market.desk.desk_file import Desk
from pyjobs.market.desk.snapshot import Snapshot
from pyjobs.market.desks import reports_of
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.store.open_store import open_store
from pyjobs.market.universe.verdict import Verdict
from pyjobs.reporting.fetches.bring_up_to_date import bring_up_to_date, is_fetched, need_of, new_job
from pyjobs.reporting.scans import now_page as page
from pyjobs.scanning import news
from pyjobs.scanning.now import NowScan, live_series, quotes_of, scan_now, with_running
from pyjobs.scanning.open_markets import closed_markets, part_open
from pyjobs.strategy.scan import longest_lookback
from utils import clock
from utils.exit_codes import ExitCode
from utils.files import atomic
from utils.trading_day import Session


def scan_of_now(desk: Desk, path: Path, running: Mapping[str, Session]) -> int:
    """Fetch, ask for quotes, scan, print what is news.

    The worst error is raised when all of that is written: StaleDataError, ExternalDataUnavailable, what is wrong here.
    """
    part, now_ms = part_open(desk, running), clock.now_ms()
    fetched = _brought(part, path) if is_fetched(part) else None
    quotes = quotes_of(part, running, Sources())
    taken = corporate_actions.on_desk(snapshot.take_now(part, open_store(), now_s=clock.now_s()))
    need = longest_lookback(made(desk.setups, source=str(path)))
    lives = list(live_series(taken, running, quotes, need))
    found = setups_of(with_running(taken, lives), source=str(path))
    scan = NowScan(running=running, quotes=quotes, need=need)
    result = scan_now(taken, found.setups, lives, scan)
    closed = map(page.closed_line, closed_markets(desk, running, clock.now_s()))
    notes = [*closed, *found.notes, *scan.strategy_errors.notes]
    _say(taken, result, notes, scan, now_ms, path)
    error = scan.error() or (fetched.error() if fetched else None)
    if error is not None:
        raise error
    snapshot.refuse_unread(taken)
    scan.strategy_errors.refuse()
    return ExitCode.OK


def _brought(part: Desk, path: Path) -> Verdict:
    return bring_up_to_date(part, new_job(need_of(part, source=str(path))), quiet=True)


def _say(taken: Snapshot, result: dict[str, Any], notes: list[str], scan: NowScan, now_ms: int, path: Path) -> None:
    where = news.file_of(taken.desk.name)
    state, doubt = news.load(where, now_ms)
    gone = news.compare(state, result["signals"], scan.looked_at, now_ms)
    state.bars = scan.bars
    market = taken.desk.market if taken.desk.market in scan.running else next(iter(scan.running))
    head = f"{taken.desk.banner or taken.desk.name}: {page.summary(result, gone, now_ms, market)}"
    notes = [*([doubt] if doubt else []), *notes]
    print(page.as_text(result, notes, gone, head), end="")
    target = reports_of(path) / f"scan_{taken.session}.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(target, page.as_markdown(result, notes, gone, head))
    news.save(where, state)  # last: what was not written is news once more
