"""Importing the dumps that have changed since they were imported so: what is asked for between two nights.

`data/universe/imports-<desk>.json` remembers each file by size, times and inode; one whose import failed is not in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.dumps.import_desk import Imported, failed, import_desk
from pyjobs.market.dumps.reading.opened import files_of
from pyjobs.market.store.bar_store import BarStore
from utils import paths
from utils.errors import MissingInputError
from utils.files import os_files
from utils.files.atomic import write_bytes
from utils.files.in_time import within
from utils.files.text_files import PATIENCE_S

Seen = dict[str, list[int]]


def import_changed(
    desk: Desk, dumps: Path, store: BarStore, *, now_ms: int, progress: Callable[[str], None] = lambda _: None
) -> list[Imported]:
    """As `import_desk`, of the instruments whose file has changed; none when there is no such folder.

    Where the folder does not answer, the first instrument is named as failed.
    """
    known, files = _read(desk), [each for each in desk.instruments if each.file]
    try:
        if not files or not within(PATIENCE_S, dumps.is_dir, dumps):
            return []
        now = within(PATIENCE_S, lambda: {str(each.key): _state(dumps, each) for each in files}, dumps)
    except TimeoutError as error:
        return [failed(files[0], dumps, error)]
    todo = [each for each in desk.instruments if each.file and known.get(str(each.key)) != now[str(each.key)]]
    results = import_desk(
        msgspec.structs.replace(desk, instruments=todo),
        dumps,
        store,
        now_ms=now_ms,
        progress=progress,
        symbols=[each.symbol for each in desk.instruments],
    )
    bad = {str(each.instrument.key) for each in results if each.error}
    kept = {name: state for name, state in now.items() if name not in bad}
    if kept != known:
        path = _path(desk)
        with suppress(OSError):  # not known, all are imported again; the store has reported the disk's error
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, msgspec.json.encode(kept) + b"\n")
    return results


def _state(dumps: Path, instrument: Instrument) -> list[int]:
    found = []
    try:
        for path in files_of(dumps / instrument.file):
            status = os.stat(path)  # noqa: PTH116  # one of thousands
            found += [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    except (OSError, MissingInputError):
        return []
    return found


def _path(desk: Desk) -> Path:
    return paths.data_dir() / "universe" / f"imports-{desk.name}.json"


def _read(desk: Desk) -> Seen:
    try:
        return msgspec.json.decode(os_files.held_bytes(_path(desk)), type=Seen)
    except (OSError, msgspec.MsgspecError, RecursionError):  # then all are imported, and it is written again
        return {}
