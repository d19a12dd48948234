"""Each account over the whole history, with its limits and without, side by side.

Writes into the run folder portfolio/<account>/{constrained,unconstrained}/{equity_curve.csv,trades.csv,metrics.json},
portfolio/<account>/constrained/positions.csv (what is held, and what the next open would bring), and
portfolio/<account>/benchmark.csv where the desk has a benchmark in that currency. A setup that raises on an instrument
is left out there and named, an account that cannot be computed as well; the others are written, and then this fails.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyjobs.account.desk.account_files import write_account
from pyjobs.account.desk.backtest import backtest
from pyjobs.account.desk.desk_setups import check_desk, setups_of
from pyjobs.account.portfolio.strategy_errors import StrategyErrors
from pyjobs.market.bars import last
from pyjobs.market.desk import open_desk
from pyjobs.market.desk.snapshot import refuse_unread
from pyjobs.reporting.account_text import figures_table, heading
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run every account both ways, write, print; see the module."""
    args = open_desk.parser("account_backtest", __doc__, out_required=True).parse_args(argv)
    path, snapshot = open_desk.opened(args, check_desk)
    found = setups_of(snapshot, source=str(path), judged=True)
    closes = {each.instrument.key: float(last(each.bars, 1).close[0]) for each in snapshot.series if len(each.bars)}
    strategy_errors = StrategyErrors()
    for name, account in snapshot.desk.accounts.items():
        with strategy_errors.alone(f"account {name}"):
            result = backtest(snapshot, account, found.setups, notes=found.notes, strategy_errors=strategy_errors)
            write_account(args.out / "portfolio" / name, result, closes)
            print(heading(name, result))
            print(figures_table(result))
    print("".join(f"{note}\n" for note in strategy_errors.notes), end="")
    refuse_unread(snapshot)
    strategy_errors.refuse()
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
