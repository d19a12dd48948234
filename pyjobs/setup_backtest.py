"""Every trigger of each setup over the last 30, 90 and 180 days, and what came of it.

Writes backtests/setups.json, setups_30d.csv, setups_90d.csv, setups_180d.csv and triggers.csv into the run folder. A
setup that raises on an instrument is named and has no trigger there; the others have, and then this fails.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyjobs.account.desk.desk_setups import check_desk, setups_of
from pyjobs.account.desk.setup_files import write_setups
from pyjobs.account.desk.setup_triggers import all_triggers, rows_of
from pyjobs.account.figures.overlap import WORTH
from pyjobs.account.figures.setup_stats import WINDOWS_DAYS
from pyjobs.account.portfolio.strategy_errors import StrategyErrors
from pyjobs.market.desk import open_desk
from pyjobs.market.desk.snapshot import refuse_unread
from pyjobs.reporting.setup_figures import window_table
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Follow every trigger, summarise by window, write, print; see the module."""
    args = open_desk.parser("setup_backtest", __doc__, out_required=True).parse_args(argv)
    path, snapshot = open_desk.opened(args, check_desk)
    known = setups_of(snapshot, source=str(path), judged=True)
    strategy_errors = StrategyErrors()
    found = all_triggers(snapshot, known.setups, days=max(WINDOWS_DAYS), strategy_errors=strategy_errors)
    windows = [(days, rows_of(found, snapshot, known.setups, days)) for days in WINDOWS_DAYS]
    notes = [*known.notes, *strategy_errors.notes]
    write_setups(args.out / "backtests", snapshot, found, windows, notes)
    for days, rows in windows:
        print(f"{days} days to {snapshot.session}, after fees and tax")
        print(window_table(rows))
    print("".join(f"{note}\n" for note in (WORTH, *notes)), end="")
    refuse_unread(snapshot)
    strategy_errors.refuse()
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
