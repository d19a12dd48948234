"""Was the night all right: steps, freshness and oddities of the data, disk, last runs. Writes reports/ops.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyjobs.market.store.open_store import open_store
from pyjobs.reporting.command import parsed, put
from pyjobs.reporting.machine import look_around
from pyjobs.reporting.pages.ops import ops_page
from pyjobs.reporting.run_files.read_run import read_run
from pyjobs.runs.verdict.series import newest_sessions
from utils import paths
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page."""
    call = parsed(argv, verb="report_ops", doc=__doc__)
    newest = newest_sessions(call.desk.instruments, open_store())
    machine = look_around(call.run_dir, paths.logs_dir() / "history.jsonl", newest)
    put(call, ops_page(read_run(call.run_dir), machine, session=call.session))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
