"""End-of-day report of a session: each close, its last twenty days, its signals. Writes reports/eod_<session>.md.

Exits 2, and writes nothing, while half or more of the traded instruments of the desk's market have no bar of the
session yet: a later try may find them. Fewer than that are named on the page.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyjobs.account.desk.desk_setups import check_setups, setups_of
from pyjobs.market.desk import corporate_actions
from pyjobs.market.desk.desk_file import desk_path, load_desk
from pyjobs.market.desk.snapshot import Snapshot, take
from pyjobs.market.store.bar_store import BarStore
from pyjobs.reporting.command import date_or_auto, put_text
from pyjobs.reporting.document import markdown
from pyjobs.reporting.instrument_lines import all_lines
from pyjobs.reporting.pages.instruments import eod_page
from utils import clock, paths
from utils.cli import Parser
from utils.errors import StaleDataError
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Look at the store as of the session, refuse stale data, write the page."""
    parser = Parser(verb="report_eod", doc=__doc__)
    parser.add_argument(
        "--desk", metavar="FILE", help="default: config/desk.yaml if there is one, else the sample desk"
    )
    parser.add_argument("--date", default="auto", metavar="YYYY-MM-DD|auto", help="default: auto, by the desk's rule")
    options = parser.parse_args(argv)
    desk_file = desk_path(options.desk, paths.config_dir())
    desk = load_desk(desk_file)
    check_setups(desk.setups, source=str(desk_file))
    taken = take(desk, BarStore(paths.data_dir() / "raw"), asked=date_or_auto(options.date), now_s=clock.now_s())
    snapshot = corporate_actions.on_desk(taken)
    found = setups_of(snapshot, source=str(desk_file))
    _refuse_stale(snapshot)
    lines = all_lines(snapshot, found.setups)
    page = eod_page(session=snapshot.session.isoformat(), lines=lines, notes=found.notes)
    put_text(paths.reports_dir() / f"{page.name}.md", markdown(page, label=desk.label), page.summary)
    return 0


def _refuse_stale(snapshot: Snapshot) -> None:
    traded = [series for series in snapshot.series if series.instrument.role == "trade"]
    at_home = [series for series in traded if series.instrument.market == snapshot.desk.market]
    traded = (
        at_home or traded
    )  # what trades round the clock is never late, and must not hide that the market's bars are
    behind = [series for series in traded if series.stale or not len(series.bars)]
    if traded and 2 * len(behind) >= len(traded):
        newest = max((str(series.last_session) for series in behind if series.last_session), default="none")
        raise StaleDataError(
            f"desk {snapshot.desk.name!r}: {len(behind)} of {len(traded)} traded instruments have no bar of session "
            f"{snapshot.session} yet (their newest: {newest})"
        )


if __name__ == "__main__":
    sys.exit(run(main))
