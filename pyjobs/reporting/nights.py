"""reports/index.html lists every night of every desk; `latest` beside it, and in each desk's reports, is the newest."""

from __future__ import annotations

import contextlib
import html
import os
from collections.abc import Sequence
from pathlib import Path

from pyjobs.runs import manifest
from pyjobs.runs.run_folder import finished_runs
from utils import atomic
from utils.errors import NightdeskError

PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>nightdesk: nights</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}}
table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.25rem .75rem;border-bottom:1px solid #8884}}
.ok{{color:#17803d}}.partial,.broken{{color:#b3261e}}@media(prefers-color-scheme:dark){{body{{background:#111;color:#ddd}}
a{{color:#8ab4f8}}}}</style></head><body>
<h1>Nights</h1><p>{count}, newest first; times are UTC.</p>
<table><tr><th>desk</th><th>session</th><th>night</th><th>began</th><th>status</th></tr>
{rows}
</table></body></html>
"""


def write_index(runs_dir: Path, reports: Path, newest: Path, desk_reports: Path) -> Path:
    """Write the list from the manifests of all kept nights; `latest` of all is the newest, of the desk `newest`.

    Raises OSError when the list cannot be written.
    """
    reports.mkdir(parents=True, exist_ok=True)
    runs = finished_runs(runs_dir)[::-1]
    rows = [_row(path, reports) for path in runs]
    count = "1 night" if len(runs) == 1 else f"{len(runs)} nights"
    target = reports / "index.html"
    atomic.write_text(target, PAGE.format(count=count, rows="\n".join(rows)))
    desk_reports.mkdir(parents=True, exist_ok=True)
    _point(desk_reports / "latest", newest)
    _point(reports / "latest", runs[0] if runs else newest)
    return target


def _row(run: Path, reports: Path) -> str:
    try:
        told = manifest.read(run)
    except (NightdeskError, OSError):
        told = {"status": "broken"}
    link = html.escape(os.path.relpath(run / "index.html", reports), quote=True)
    began = f"{run.name[:4]}-{run.name[4:6]}-{run.name[6:8]} {run.name[9:11]}:{run.name[11:13]}"
    status = str(told.get("status"))
    cells: Sequence[str] = (str(told.get("desk") or "?"), str(told.get("session") or "?"))
    shown = "".join(f"<td>{html.escape(each)}</td>" for each in cells)
    state = html.escape(status)
    return f'<tr>{shown}<td><a href="{link}">{run.name}</a></td><td>{began}</td><td class="{state}">{state}</td></tr>'


def _point(link: Path, run: Path) -> None:
    """Make `link` lead to the run, in one rename; where a file of that name is no link of ours, it stays."""
    if link.exists() and not link.is_symlink():
        return
    made = atomic.temporary_beside(link)
    try:
        made.symlink_to(os.path.relpath(run, link.parent))
        made.replace(link)
    except OSError:  # a file system without links: the index says which is the newest
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)
