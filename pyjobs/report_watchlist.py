"""The symbols you watch, from secret/watchlist.yaml or config/watchlist.yaml. Writes reports/watchlist_<date>.md.

For a desk with a name, secret/watchlist.<name>.yaml is looked for first. Prices are as of the last session that had
closed on that date. A symbol that the desk does not have gets a line, too.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pyjobs.account.desk.desk_setups import check_desk, setups_of
from pyjobs.market.desk import corporate_actions
from pyjobs.market.desk.desk_file import Desk, load_desk
from pyjobs.market.desk.snapshot import refuse_unread, take
from pyjobs.market.desks import called, desk_path, reports_of
from pyjobs.market.store.open_store import open_store
from pyjobs.reporting.command import put_text
from pyjobs.reporting.document import markdown
from pyjobs.reporting.pages.instrument_lines import watched_lines
from pyjobs.reporting.pages.instruments import watchlist_page
from utils import clock, paths, trading_day
from utils.cli import Parser, date_or_auto
from utils.run import run
from utils.settings.config import load_yaml, own_or_default

NAME = "watchlist.yaml"


class Watchlist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    symbols: list[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Look up every symbol, write the page."""
    parser = Parser(verb="report_watchlist", doc=__doc__)
    parser.add_desk()
    parser.add_argument("--date", default="auto", metavar="YYYY-MM-DD|auto", help="default: today at the market")
    options = parser.parse_args(argv)
    desk_file = desk_path(options.desk, paths.config_dir())
    desk = load_desk(desk_file)
    check_desk(desk, desk_file)
    source = _watchlist_of(called(desk_file))
    watchlist = load_yaml(source, Watchlist)
    date, asked = when(desk, date_or_auto(options.date, "--date"), now_s=clock.now_s())
    taken = take(desk, open_store(), asked=asked, now_s=clock.now_s())
    snapshot = corporate_actions.on_desk(taken)
    found = setups_of(snapshot, source=str(desk_file))
    page = watchlist_page(
        date=date.isoformat(),
        session=snapshot.session.isoformat(),
        source=f"{source.parent.name}/{source.name}",
        lines=watched_lines(snapshot, found.setups, watchlist.symbols),
        notes=found.notes,
    )
    put_text(reports_of(desk_file) / f"{page.name}.md", markdown(page, label=desk.banner), page.summary)
    refuse_unread(snapshot)
    return 0


def _watchlist_of(name: str) -> Path:
    """The list that counts: of a named desk `secret/watchlist.<name>.yaml` when there is one, else as for all."""
    own = paths.secret_dir() / f"watchlist.{name}.yaml"
    return own if name and own.is_file() else own_or_default(NAME)


def when(desk: Desk, asked: dt.date | None, *, now_s: float) -> tuple[dt.date, dt.date | None]:
    """The page's date, and the session to look at (None: by the desk's rule).

    A date that is no session looks at the one before; a date in the future of the calendar is refused there.
    """
    if asked is None:
        return trading_day.local_date(desk.market, now_s), None
    calendar = trading_day.load(desk.market)
    session = calendar.session(asked) or calendar.previous_session(asked)
    return asked, session.date


if __name__ == "__main__":
    sys.exit(run(main))
