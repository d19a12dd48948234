"""manifest.json: what a run is, what it came from, and the sha256 of every file in it. Written last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyjobs.runs import sealed
from pyjobs.runs.run_folder import MANIFEST
from pyjobs.runs.sealed import prints
from pyjobs.runs.witness import mixed
from utils.errors import CannotWriteError
from utils.files import atomic
from utils.files.os_files import files_below, read_json

read, verify = sealed.read, sealed.verify
SCHEMA = 1
BYTES_PER_MB = 1e6
KEY_STATS = (
    "currency",
    "start",
    "end",
    "start_equity",
    "end_equity",
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "max_drawdown",
    "n_trades",
    "win_rate",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a manifest holds besides its files. Times are aware; `inputs` comes from `provenance`."""

    run_id: str
    desk: str
    session: str | None
    status: str
    started: datetime
    finished: datetime
    steps: Sequence[Mapping[str, object]]
    inputs: Mapping[str, object]


def status_of(run_dir: Path, outcomes: Sequence[str]) -> str:
    """`ok` when every step ended well and no bar is missing that should be there (fetch.json), else `partial`."""
    if not outcomes or set(outcomes) != {"ok"}:
        return "partial"
    try:
        fetched = read_json(run_dir / "reports" / "fetch.json")
    except FileNotFoundError:
        return "ok"  # nothing of this desk is fetched
    except (OSError, ValueError):
        return "partial"
    return "ok" if isinstance(fetched, dict) and fetched.get("partial") is False else "partial"


def build(run_dir: Path, about: About) -> dict[str, object]:
    """The manifest of `run_dir` as it is.

    `size_mb` is the sum of the apparent sizes in bytes of all files except the manifest and the pin, over 1e6.
    `left_out`: what is there and is no file, or cannot be read, by name with the reason; then the run is `partial`.
    """
    files, left_out = prints(run_dir)
    total = sum(int(str(entry["bytes"])) for entry in files.values())
    return {
        "schema": SCHEMA,
        "run_id": about.run_id,
        "desk": about.desk,
        "session": about.session,
        "status": "partial" if left_out else about.status,
        "started_utc": utc_text(about.started),
        "finished_utc": utc_text(about.finished),
        "size_mb": round(total / BYTES_PER_MB, 6),
        "steps": list(about.steps),
        "portfolio": portfolio_stats(run_dir / "portfolio"),
        "inputs": dict(about.inputs),
        "mixed": mixed(about.inputs),
        **({"left_out": left_out} if left_out else {}),
        "files": files,
    }


def write(run_dir: Path, manifest: Mapping[str, object]) -> Path:
    """Write it, whole or not at all. Raises CannotWriteError."""
    path = run_dir / MANIFEST
    try:
        atomic.write_text(path, json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise CannotWriteError(f"cannot write '{path}': {error.strerror}") from error
    return path


def portfolio_stats(portfolio_dir: Path) -> dict[str, dict[str, object]]:
    """Key figures of each account, by `<account>/<constrained|unconstrained>`; the unreadable are absent."""
    stats: dict[str, dict[str, object]] = {}
    for path in sorted(path for path in files_below(portfolio_dir) if path.name == "metrics.json"):
        try:
            metrics = read_json(path)
        except (OSError, ValueError):
            continue
        if isinstance(metrics, dict) and path.parent.parent.parent == portfolio_dir:
            stats[path.parent.relative_to(portfolio_dir).as_posix()] = {name: metrics.get(name) for name in KEY_STATS}
    return stats


def utc_text(moment: datetime) -> str:
    """`2026-11-20T13:10:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
