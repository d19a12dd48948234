"""End-of-day report of a session: each close, its last twenty days, its signals. Writes reports/eod_<session>.md.

First it brings the bars in: those of fetched instruments from their exchanges, and files that have changed since. Exits
2, and writes nothing, while half or more of the traded instruments of the desk's market have no bar of the session yet:
a later try may find them (69 when their provider has failed). Fewer than that are named on the page, and what is gone,
halted or not listed yet does not count. Once the page is there KRX's boards of earlier sessions are looked at again.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence

from pyjobs.account.desk.desk_setups import setups_of
from pyjobs.market.desk import corporate_actions
from pyjobs.market.desk.desk_file import Desk
from pyjobs.market.desk.snapshot import Snapshot, refuse_unread, take
from pyjobs.market.desks import called, desk_path, reports_of
from pyjobs.market.dumps.changed import import_changed
from pyjobs.market.universe.fetch_desk import Job, reported
from pyjobs.market.universe.looking import looked
from pyjobs.market.universe.looking.board_looks import look_at_all
from pyjobs.market.universe.symbol_states import SymbolState, not_waited_for
from pyjobs.reporting.command import put_text
from pyjobs.reporting.document import markdown
from pyjobs.reporting.fetches.bring_up_to_date import begun, bring_up_to_date, is_fetched
from pyjobs.reporting.pages.instrument_lines import all_lines
from pyjobs.reporting.pages.instruments import eod_page
from utils import clock, paths
from utils.cli import Parser, date_or_auto
from utils.errors import ExternalDataUnavailable, NightdeskError, StaleDataError
from utils.run import run
from utils.wording import first_of

NAMED = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Look at the store as of the session, refuse stale data, write the page."""
    parser = Parser(verb="report_eod", doc=__doc__)
    parser.add_desk()
    parser.add_argument("--date", default="auto", metavar="YYYY-MM-DD|auto", help="default: auto, by the desk's rule")
    options = parser.parse_args(argv)
    desk_file = desk_path(options.desk, paths.config_dir())
    desk, job = begun(desk_file)
    asked = date_or_auto(options.date, "--date")
    trouble = _bring_in(desk, job, asked=asked)
    snapshot = corporate_actions.on_desk(take(desk, job.store, asked=asked, now_s=clock.now_s()))
    found = setups_of(snapshot, source=str(desk_file))
    _refuse_stale(snapshot, trouble)
    lines = all_lines(snapshot, found.setups)
    looks = {exchange: looked.load(exchange).page_of(called(desk_file)) for exchange in _with_boards(desk, job)}
    told = [*(entry for each in looks.values() for entry in each.lines), *job.lines]
    news = [f"since the last page: {entry}" for entry in told]
    page = eod_page(session=snapshot.session.isoformat(), lines=lines, notes=[*found.notes, *news])
    put_text(reports_of(desk_file) / f"{page.name}.md", markdown(page, label=desk.banner), page.summary)
    reported(job)  # it is on the page now
    for exchange, found_there in looks.items():
        looked.take_for_page(exchange, called(desk_file), found_there)
    if looks:
        _look_again(job)
    if trouble is not None and not isinstance(trouble, ExternalDataUnavailable | StaleDataError):
        raise trouble  # the page is there; what is wrong here is reported all the same
    refuse_unread(snapshot)
    return 0


def _bring_in(desk: Desk, job: Job, *, asked: dt.date | None) -> NightdeskError | None:
    """Bars that have come since; how fetching them went. An unreadable file is the night's to report."""
    for each in import_changed(desk, paths.root() / desk.dumps, job.store, now_ms=job.now_ms):
        print(f"imported {each.instrument.key}" + (f": failed: {each.error}" if each.error else ""))
    if not is_fetched(desk):
        return None
    return bring_up_to_date(desk, job, session=asked, page=True).error()


def _with_boards(desk: Desk, job: Job) -> list[str]:
    return sorted({each.exchange for each in desk.instruments if each.fetched and job.boards_of(each.exchange)})


def _look_again(job: Job) -> None:
    """Look at stored boards once more: nothing waits for that, and a box without a night has it."""
    for line in look_at_all(job.store, job.sources, job.exchanges, clock.now_s()):
        print(line, flush=True)


def _refuse_stale(snapshot: Snapshot, trouble: NightdeskError | None) -> None:
    """Raise when half of what is traded has no bar of the session: as the provider failed, else StaleDataError.

    What is gone, halted or not listed yet is not waited for.
    """
    traded = [series for series in snapshot.series if series.instrument.role == "trade"]
    known: dict[str, dict[str, SymbolState]] = {}
    traded = [series for series in traded if not_waited_for(series.instrument.key, known) is None]
    at_home = [series for series in traded if series.instrument.market == snapshot.desk.market]
    traded = at_home or traded  # what trades round the clock is never late, and must not hide that the market's is
    behind = [series for series in traded if series.stale or not len(series.bars)]
    if traded and 2 * len(behind) >= len(traded):
        if isinstance(trouble, ExternalDataUnavailable):
            raise trouble
        newest = max((str(series.last_session) for series in behind if series.last_session), default="none")
        named = first_of([each.instrument.symbol for each in behind], NAMED)
        raise StaleDataError(
            f"desk {snapshot.desk.name!r}: {len(behind)} of {len(traded)} traded instruments have no bar of session "
            f"{snapshot.session} yet (their newest: {newest}): {named}"
        )


if __name__ == "__main__":
    sys.exit(run(main))
