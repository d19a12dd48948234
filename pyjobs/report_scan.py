"""The scan as a page: every signal with its picture, every instrument as it closed. Writes reports/scan.md and PNGs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyjobs.reporting.command import parsed, put
from pyjobs.reporting.pages.scan import scan_page
from pyjobs.reporting.run_files.read_run import read_run
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the pictures, write the page."""
    call = parsed(argv, verb="report_scan", doc=__doc__)
    inputs = read_run(call.run_dir)
    drawn: list[str] = []
    if inputs.scan:
        from pyjobs.market.store.open_store import open_store
        from pyjobs.reporting.price_pictures import draw_all

        drawn = draw_all(call.run_dir, inputs.scan, call.desk, open_store())
    put(call, scan_page(inputs, pictures=drawn))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
