"""What happened in this session, on one screen: signals, movers, data, accounts. Writes reports/daily.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyjobs.reporting.command import parsed, put
from pyjobs.reporting.pages.daily import daily_page
from pyjobs.reporting.run_files.read_run import read_run
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page."""
    call = parsed(argv, verb="report_daily", doc=__doc__)
    put(call, daily_page(read_run(call.run_dir), session=call.session))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
