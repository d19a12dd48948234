"""May money follow: each gate with what was found, setups and accounts in figures. Writes reports/golive.md and PNGs.

Paper loops, where there are any, have a table of green and red. GO or NO-GO is a finding, not a failure: the exit code
is 0 either way.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from pyjobs.live.golive import gates, table
from pyjobs.reporting import charts
from pyjobs.reporting.command import ReportCall, parsed, pictures, put, put_text
from pyjobs.reporting.pages.golive import EXPECTANCY_CHART, equity_chart, golive_page
from pyjobs.reporting.run_files.read_run import RunInputs, read_run
from pyjobs.runs.nights.loops import FILE
from utils import clock
from utils.errors import NightdeskError
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the pictures, write the page."""
    call = parsed(argv, verb="report_golive", doc=__doc__)
    _note_loops(call)
    inputs = read_run(call.run_dir)
    _draw(call, inputs)
    put(call, golive_page(inputs, session=call.session, pictures=pictures(call.run_dir)))
    return 0


def _note_loops(call: ReportCall) -> None:
    """reports/live.json: how the paper loops stand now, where there are any."""
    try:
        found = gates.look(clock.now_s())
    except NightdeskError as error:
        print(f"[WARN] paper loops: {error}")
        return
    if found.loops:
        put_text(call.run_dir / FILE, json.dumps(table.as_json(found), indent=1) + "\n", "paper loops")


def _draw(call: ReportCall, inputs: RunInputs) -> None:
    folder = call.run_dir / "reports"
    if inputs.setups and any(window.rows for window in inputs.setups.windows):
        charts.expectancy_chart(folder / EXPECTANCY_CHART, inputs.setups.windows)
    for account in inputs.accounts:
        if any(len(variant.equity.values) > 1 for variant in account.variants.values()):
            charts.equity_chart(folder / equity_chart(account.name), account)


if __name__ == "__main__":
    sys.exit(run(main))
