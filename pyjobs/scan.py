"""Signals over the desk's universe: of now while a market of the desk is open, else of the last closed session.

While one is open and no --session is given, the open markets' bars are fetched first; daily series then have a
provisional bar of the running session, made of a quote and kept in data/scan/<desk>.json only; what is new since the
scan before is printed. With --out: the session's signals as reports/scan.json of that run folder. Without: writes
reports/scan_<session>.md. Exits 2 when every traded instrument is behind the session (of now: half of them), 69 when
half of the quotes cannot be had.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.account.desk.desk_setups import check_desk, setups_of
from pyjobs.account.portfolio.strategy_errors import StrategyErrors
from pyjobs.market.desk import open_desk
from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.desk.snapshot import Snapshot, refuse_unread
from pyjobs.market.desks import desk_path, reports_of
from pyjobs.reporting.scans.tables import as_markdown, as_text
from pyjobs.scanning.open_markets import open_markets
from pyjobs.scanning.records import scanned
from utils import clock, paths
from utils.errors import StaleDataError
from utils.exit_codes import ExitCode
from utils.files import atomic
from utils.files.text_files import write_json
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Scan, print, write; see the module."""
    args = open_desk.parser("scan", __doc__, out_required=False).parse_args(argv)
    if args.session is None and args.out is None:
        path = desk_path(args.desk, paths.config_dir())
        desk = load_desk(path)
        check_desk(desk, path)
        running = open_markets(desk, clock.now_s()) if desk.session == "last_closed" else {}
        if running:
            from pyjobs.reporting.scans.scan_now import scan_of_now  # providers: the night's scan does without them

            return scan_of_now(desk, path, running)
    path, taken = open_desk.opened(args, check_desk)
    return _of_session(taken, path, args.out)


def _of_session(taken: Snapshot, path: Path, out: Path | None) -> int:
    found = setups_of(taken, source=str(path))
    strategy_errors = StrategyErrors()
    result = {**scanned(taken, found.setups, strategy_errors), "notes": [*found.notes, *strategy_errors.notes]}
    title = f"{taken.desk.banner or taken.desk.name}: scan of {taken.session}"
    print(as_text(result, title), end="")
    if out is None:
        target = reports_of(path) / f"scan_{taken.session}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(target, as_markdown(result, title))
        print(f"\nwritten: {target}")
    else:
        write_json(out / "reports" / "scan.json", result)
    refuse_stale(taken, path)
    refuse_unread(taken)
    strategy_errors.refuse()
    return ExitCode.OK


def refuse_stale(taken: Snapshot, path: Path) -> None:
    """Raise StaleDataError when no traded instrument is up to date (what was found has been written by then)."""
    traded = [series for series in taken.series if series.instrument.role == "trade"]
    if traded and all(series.stale or not len(series.bars) for series in traded):
        newest = max((str(series.last_session) for series in traded if series.last_session), default="none")
        raise StaleDataError(
            f"{path}: none of {len(traded)} traded instruments has a bar of session {taken.session} "
            f"(newest: {newest}); bring in newer bars with: {taken.desk.brought_by} --desk {path}"
        )


if __name__ == "__main__":
    sys.exit(run(main))
