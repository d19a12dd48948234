"""The whole run as one page that works offline. Writes index.html; pictures and links stay inside the run folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.reporting import html
from pyjobs.reporting.command import parsed, pictures, put_text
from pyjobs.reporting.machine import look_around
from pyjobs.reporting.pages.cover import cards
from pyjobs.reporting.pages.daily import daily_page
from pyjobs.reporting.pages.golive import golive_page
from pyjobs.reporting.pages.ops import ops_page
from pyjobs.reporting.pages.scan import scan_page
from pyjobs.reporting.run_files.read_run import read_run
from utils import paths
from utils.files.os_files import files_below
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page from the same figures as the Markdown reports."""
    call = parsed(argv, verb="report_index", doc=__doc__)
    inputs, session = read_run(call.run_dir), call.session
    drawn = pictures(call.run_dir)
    machine = look_around(call.run_dir, paths.logs_dir() / "history.jsonl")
    pages = [
        daily_page(inputs, session=session),
        scan_page(inputs, pictures=[name for name in drawn if name.startswith("price_")]),
        golive_page(inputs, session=session, pictures=drawn),
        ops_page(inputs, machine, session=session),
    ]
    title = f"{call.desk.name}: the night of {session or 'an unknown session'}"
    text = html.render(
        title=title,
        label=call.desk.banner,
        cards=cards(inputs, session=session),
        pages=pages,
        files=_files(call.run_dir),
    )
    put_text(call.run_dir / "index.html", text, f"{len(pages)} reports on one page")
    return 0


def _files(run_dir: Path) -> list[str]:
    """Every file of the run so far but the page itself and the log that is still being written."""
    names = sorted(path.relative_to(run_dir).as_posix() for path in files_below(run_dir))
    return [name for name in names if name != "index.html" and not name.startswith(".") and "/." not in name]


if __name__ == "__main__":
    sys.exit(run(main))
