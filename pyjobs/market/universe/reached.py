"""How far back histories by the board reach that are to go further: data/universe/<exchange>.history.json.

A share is listed there from its first stretch until it has all the history its desk needs. Who is not there was
fetched by itself, as a whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import msgspec

from utils import paths
from utils.errors import BadDataError, LockBusyError
from utils.files import os_files
from utils.files.atomic import sweep, write_bytes
from utils.files.job_lock import job_lock

LOCK_TIMEOUT_S = 60.0


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The symbols by the oldest session that was asked for."""

    reached: dict[dt.date, list[str]]


def path_of(exchange: str) -> Path:
    """The exchange's file."""
    return paths.data_dir() / "universe" / f"{exchange}.history.json"


def load(exchange: str) -> dict[str, dt.date]:
    """The oldest session asked for, by symbol; none without a file. Raises BadDataError for a damaged one."""
    path = path_of(exchange)
    try:
        found = msgspec.json.decode(os_files.held_bytes(path), type=_File)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadDataError(
            f"{path}: cannot be read: {error}; move it away, and with it the folders of the shares under "
            f"data/raw/{exchange} whose history should be longer: they are then fetched again"
        ) from None
    return {symbol: day for day, symbols in found.reached.items() for symbol in symbols}


def save(exchange: str, changes: Mapping[str, dt.date | None]) -> None:
    """Put `changes` (None: nothing more is wanted) into the file. Raises LockBusyError, BadDataError, OSError."""
    path, lock = path_of(exchange), paths.locks_dir() / f"universe-{exchange}.history.lock"
    busy = LockBusyError(f"{path}: another fetch has held it for {LOCK_TIMEOUT_S:.0f} s")
    with job_lock(lock, LOCK_TIMEOUT_S, busy):
        known = load(exchange)
        left = {symbol: day for symbol, day in {**known, **changes}.items() if day is not None}
        if left == known:
            return
        groups: dict[dt.date, list[str]] = {}
        for symbol, day in sorted(left.items()):
            groups.setdefault(day, []).append(symbol)
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, path.name)
        write_bytes(path, msgspec.json.encode(_File(reached=dict(sorted(groups.items())))) + b"\n")
