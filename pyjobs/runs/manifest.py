"""manifest.json: what a run is, what it came from, and the sha256 of every file in it. Written last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyjobs.runs.provenance import file_sha256
from pyjobs.runs.run_folder import MANIFEST, PINNED
from pyjobs.runs.witness import mixed
from utils import atomic
from utils.errors import BadDataError, CannotWriteError, MissingInputError

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
    """What a manifest says besides its files. Times are aware; `inputs` is what `provenance` tells."""

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
        fetched = json.loads((run_dir / "reports" / "fetch.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "ok"  # nothing of this desk is fetched
    except (OSError, ValueError):
        return "partial"
    return "ok" if isinstance(fetched, dict) and fetched.get("partial") is False else "partial"


def build(run_dir: Path, about: About) -> dict[str, object]:
    """The manifest of `run_dir` as it stands.

    `size_mb` is the sum of the apparent sizes in bytes of all files except the manifest and the pin, over 1e6.
    """
    files = {name: _fingerprint(run_dir / name) for name in file_names(run_dir)}
    total = sum(int(str(entry["bytes"])) for entry in files.values())
    return {
        "schema": SCHEMA,
        "run_id": about.run_id,
        "desk": about.desk,
        "session": about.session,
        "status": about.status,
        "started_utc": utc_text(about.started),
        "finished_utc": utc_text(about.finished),
        "size_mb": round(total / BYTES_PER_MB, 6),
        "steps": list(about.steps),
        "portfolio": portfolio_stats(run_dir / "portfolio"),
        "inputs": dict(about.inputs),
        "mixed": mixed(about.inputs),
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


def read(run_dir: Path) -> dict[str, object]:
    """The manifest of a run. Raises MissingInputError or BadDataError."""
    path = run_dir / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingInputError(f"'{run_dir}' has no {MANIFEST}: not a finished run") from error
    except ValueError as error:
        raise BadDataError(f"'{path}' is not JSON: {error}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise BadDataError(f"'{path}' has no list of files")
    return manifest


def verify(run_dir: Path) -> list[str]:
    """Every way in which the folder differs from its manifest, one line each; empty when it is exactly that.

    A file is compared by bytes, then sha256. Missing and extra files count; the pin does not. Raises as `read` does.
    """
    manifest = read(run_dir)
    told = manifest["files"]
    assert isinstance(told, dict)  # `read` has checked it; this is for the type checker
    present = set(file_names(run_dir))
    problems = [f"'{name}' is missing" for name in sorted(told.keys() - present)]
    problems += [f"'{name}' is not in the manifest" for name in sorted(present - told.keys())]
    for name in sorted(present & told.keys()):
        found = _fingerprint(run_dir / name)
        if found != told[name]:
            problems.append(
                f"'{name}' has changed ({found['bytes']} bytes, the manifest says {told[name].get('bytes')})"
            )
    return problems


def file_names(run_dir: Path) -> list[str]:
    """Every file of a run as a relative name, sorted, without the manifest and the pin. Links count as files."""
    names = (p.relative_to(run_dir).as_posix() for p in run_dir.rglob("*") if p.is_symlink() or not p.is_dir())
    return sorted(name for name in names if name not in (MANIFEST, PINNED))


def portfolio_stats(portfolio_dir: Path) -> dict[str, dict[str, object]]:
    """Key figures of each account's books, by `<account>/<constrained|unconstrained>`; the unreadable are absent."""
    stats: dict[str, dict[str, object]] = {}
    for path in sorted(portfolio_dir.glob("*/*/metrics.json")):
        try:
            metrics = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(metrics, dict):
            stats[path.parent.relative_to(portfolio_dir).as_posix()] = {name: metrics.get(name) for name in KEY_STATS}
    return stats


def utc_text(moment: datetime) -> str:
    """`2026-11-20T13:10:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fingerprint(path: Path) -> dict[str, object]:
    if path.is_symlink():
        return {"bytes": 0, "sha256": "", "link": str(path.readlink())}
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
