"""reports/index.html lists every night of every desk; `latest` there, and in each desk's reports, is the newest."""

from __future__ import annotations

import contextlib
import html
import os
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from pyjobs.reporting import numbers
from pyjobs.runs import manifest
from pyjobs.runs.run_folder import finished_runs
from utils.errors import NightdeskError
from utils.files import atomic
from utils.foreign_text import quoted

PAGE = Path(__file__).with_name("nights.html")
SHORT = 80
SHOWN = "/constrained"  # the one that is shown


def write_index(runs_dir: Path, reports: Path, newest: Path, desk_reports: Path) -> Path:
    """Write the list from the manifests of all kept nights; `latest` of all is the newest, of the desk `newest`.

    Raises OSError when the list cannot be written.
    """
    reports.mkdir(parents=True, exist_ok=True)
    runs = finished_runs(runs_dir)[::-1]
    seen: set[str] = set()
    rows = [_row(path, reports, seen) for path in runs]
    count = "1 night" if len(runs) == 1 else f"{len(runs)} nights"
    target, page = reports / "index.html", Template(PAGE.read_text(encoding="utf-8"))
    atomic.write_text(target, page.substitute(count=count, rows="\n".join(rows)))
    desk_reports.mkdir(parents=True, exist_ok=True)
    _point(desk_reports / "latest", newest)
    _point(reports / "latest", runs[0] if runs else newest)
    return target


def _row(run: Path, reports: Path, seen: set[str]) -> str:
    """One night; `seen`: the desks that had one already."""
    record: Mapping[str, Any]
    try:
        record = manifest.read(run)
    except (NightdeskError, OSError):
        record = {"status": "broken"}
    link = html.escape(os.path.relpath(run / "index.html", reports), quote=True)
    began = f"{run.name[:4]}-{run.name[4:6]}-{run.name[6:8]} {run.name[9:11]}:{run.name[11:13]}"
    desk, session, status = (
        html.escape(quoted(record.get(name) or "?", SHORT)) for name in ("desk", "session", "status")
    )
    newest = "" if desk in seen else ' class="newest"'
    seen.add(desk)
    night = f'<td><a href="{link}" title="{run.name}">{session if session != "?" else run.name}</a></td>'
    rest = f'<td>{_accounts(record)}</td><td class="{status}">{status}</td><td class="began">{began}</td>'
    return f'<tr{newest}>{night}<td class="desk">{desk}</td>{rest}</tr>'


def _accounts(record: Mapping[str, Any]) -> str:
    """What each account has gained since its start, as the manifest has it."""
    variants = record.get("portfolio")
    found = {
        name.removesuffix(SHOWN): value
        for name, each in (variants.items() if isinstance(variants, dict) else ())
        if name.endswith(SHOWN) and isinstance(each, dict)
        and isinstance(value := each.get("total_return"), int | float | None) and abs(value or 0) < 1e100
    }  # fmt: skip
    return (
        "".join(f"<i>{html.escape(quoted(name, SHORT))} {numbers.change(value)}</i>" for name, value in found.items())
        or "–"
    )


def _point(link: Path, run: Path) -> None:
    """Make `link` lead to the run, in one rename; where a file of that name is no link of ours, it stays."""
    if link.exists() and not link.is_symlink():
        return
    made = atomic.temporary_beside(link)
    try:
        made.symlink_to(os.path.relpath(run, link.parent))
        made.replace(link)
    except OSError:  # a file system without links: the index names the newest
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)
