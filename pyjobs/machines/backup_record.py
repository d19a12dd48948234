"""Noting the last backup and the last drill for health, which reads data/backups.json and data/drill.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from utils.errors import CannotWriteError
from utils.files import atomic


def note(data_dir: Path, file: str, told: Mapping[str, object]) -> None:
    """Write it, whole or not at all. Raises CannotWriteError."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        atomic.write_text(data_dir / file, json.dumps(dict(told), ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise CannotWriteError(f"cannot write '{data_dir / file}': {error.strerror}") from error
