"""Where things are, from the root of the clone. Nothing here creates a folder."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def root() -> Path:
    """The folder that runtime state lives under: `NIGHTDESK_HOME`, else the environment, else the clone itself."""
    given = os.environ.get("NIGHTDESK_HOME")
    return Path(given) if given else environment() or ROOT


def environment() -> Path | None:
    """The environment (staging, prod) that this code was installed into as a release; None for a clone."""
    above = ROOT.parent.parent
    return above if ROOT.parent.name == "releases" and (above / "current").is_symlink() else None


def entrance() -> Path:
    """The clone by the path that a schedule names: of a release it is the environment's `current`, whatever runs."""
    above = environment()
    return above / "current" if above else ROOT


def config_dir() -> Path:
    """Every knob of the clone."""
    return ROOT / "config"


def data_dir() -> Path:
    """Bars, queue, runs."""
    return root() / "data"


def bars_dir() -> Path:
    """Every stored bar."""
    return data_dir() / "raw"


def logs_dir() -> Path:
    """Dated logs and history.jsonl."""
    return root() / "logs"


def reports_dir() -> Path:
    """Reports of jobs that run outside a nightly run."""
    return root() / "reports"


def secret_dir() -> Path:
    """Owner-only files that are never committed."""
    return root() / "secret"


def locks_dir() -> Path:
    """Lock files (never deleted) and who holds them."""
    return root() / ".locks"
