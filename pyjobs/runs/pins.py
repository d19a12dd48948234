"""Pins: a file PINNED in a run keeps it from every prune. It holds the reason, and perhaps until when.

    reason: the baseline of the new scanner
    until: 2027-03-31

A file without such a date (an empty one, made by `touch`) pins for ever, and so does a date that is none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from pyjobs.runs.run_folder import PINNED
from utils import clock
from utils.errors import CannotWriteError, UsageError
from utils.files import atomic, os_files

MOST_BYTES = 10_000
LONGEST_REASON = 200


class Pin(NamedTuple):
    """Why a run is kept, and the last date (`2027-03-31`) it is kept for; empty: for ever."""

    reason: str = ""
    until: str = ""


def read(run_dir: Path) -> Pin | None:
    """The pin of a run; None when it has none. What cannot be read is a pin all the same."""
    path = run_dir / PINNED
    if not os.path.lexists(path):
        return None
    try:
        lines = os_files.held_bytes(path, MOST_BYTES).decode("utf-8", "replace").splitlines()
    except OSError as error:
        return Pin(reason=f"its {PINNED} cannot be read: {error.strerror}")
    record = {key.strip(): value.strip() for key, found, value in (line.partition(":") for line in lines) if found}
    until = record.get("until", "")
    reason = record.get("reason", "") or " ".join(line.strip() for line in lines if not line.startswith("until:"))
    if until and not clock.is_date(until):
        return Pin(reason=f"{reason} (until {until!r}, which is no date: for ever)".strip()[:LONGEST_REASON])
    return Pin(reason=reason.strip()[:LONGEST_REASON], until=until)


def put(run_dir: Path, pin: Pin) -> None:
    """Pin a run, in place of the pin it may have. Raises UsageError for a date that is none, CannotWriteError."""
    if pin.until and not clock.is_date(pin.until):
        raise UsageError(f"--until takes a date such as 2027-03-31, not {pin.until!r}")
    if "\n" in pin.reason or "\r" in pin.reason:
        raise UsageError("--reason is one line")
    lines = ["reason: " + pin.reason, *(["until: " + pin.until] if pin.until else [])]
    try:
        atomic.write_text(run_dir / PINNED, "\n".join(lines) + "\n")
    except OSError as error:
        raise CannotWriteError(f"cannot pin '{run_dir}': {error.strerror}") from error


def take_away(run_dir: Path) -> bool:
    """Unpin a run; False: it had no pin. Raises CannotWriteError."""
    try:
        (run_dir / PINNED).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CannotWriteError(f"cannot unpin '{run_dir}': {error.strerror}") from error
    return True
