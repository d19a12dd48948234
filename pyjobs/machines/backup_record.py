"""Noting the last backup and the last drill for health, which reads data/backups.json and data/drill.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from utils.errors import CannotWriteError
from utils.files import atomic
from utils.files.os_files import read_json


def note(data_dir: Path, file: str, record: Mapping[str, object]) -> None:
    """Write it with the time of the first such note, whole or not at all. Raises CannotWriteError."""
    first = {"first_at_s": _first_at_s(data_dir / file) or record["at_s"]}
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        atomic.write_text(data_dir / file, json.dumps({**record, **first}, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise CannotWriteError(f"cannot write '{data_dir / file}': {error.strerror}") from error


def _first_at_s(path: Path) -> object:
    """When the first of these notes was made, by the one that is there; None without one that holds it."""
    try:
        record = read_json(path)
        return record.get("first_at_s")
    except (OSError, ValueError, AttributeError):
        return None
