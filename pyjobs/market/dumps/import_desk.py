"""Import a desk: every dump into the store, each result kept, one bad file hiding no other."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk import corporate_actions
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.dumps.compare import Stored, bring_in
from pyjobs.market.dumps.identity.symbols import spelt
from pyjobs.market.dumps.read_dump import Dump, read_dump
from pyjobs.market.dumps.unreachable import Unreachable
from pyjobs.market.store.bar_store import BarStore
from utils.errors import NightdeskError
from utils.exit_codes import ExitCode
from utils.files.in_time import within
from utils.files.text_files import PATIENCE_S
from utils.foreign_text import LONGEST_MESSAGE, quoted
from utils.pieces.work import Work, local, silent
from utils.run import exit_code_for

PAYS_S = 3.0  # of work that is left, for processes to be started
NO_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The result for one instrument: its dump and the changes in the store, or the error."""

    instrument: Instrument
    dump: Dump | None = None
    stored: Stored | None = None
    error: str | None = None
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """The input for importing any of the instruments; a forked process finds it in its memory."""

    instruments: list[Instrument]
    dumps: Path
    hours: dict[str, MarketHours]
    store: BarStore
    now_ms: int
    progress: Callable[[str], None]
    unreachable: Unreachable
    splits: dict[str, dict[int, float]]
    others: dict[str, str]


def import_desk(
    desk: Desk,
    dumps: Path,
    store: BarStore,
    *,
    now_ms: int,
    progress: Callable[[str], None] = lambda _: None,
    symbols: Sequence[str] = (),
) -> list[Imported]:
    """Import every instrument of `desk` that has a file, from the folder `dumps`; errors of the data are results.

    Many files are shared out among the machine's processors; `progress` is then called in their processes.
    `symbols`: the whole desk's, where `desk` is a part of it.
    """
    instruments = [each for each in desk.instruments if each.file]
    hours = {market: hours_of(market) for market in sorted({i.market for i in instruments})}
    task = _Task(
        instruments=instruments, dumps=dumps, hours=hours, store=store, now_ms=now_ms, progress=progress,
        unreachable=Unreachable(dumps), splits=splits_of(desk, dumps),
        others=spelt(symbols or [each.symbol for each in desk.instruments]),
    )  # fmt: skip
    work = Work(function=_piece, batches=[(task, range(len(instruments)))])
    return local(pays_s=PAYS_S)(work, silent)[0] if instruments else []


def splits_of(desk: Desk, dumps: Path) -> dict[str, dict[int, float]]:
    """By symbol and session (an ordinal): the price after over before of the splits in the desk's file of actions.

    A file that cannot be read has none here: what works actions in names it.
    """
    found: dict[str, dict[int, float]] = {}
    for path in dict.fromkeys((dumps / corporate_actions.FILE, corporate_actions.file_of(desk))):
        with suppress(NightdeskError, OSError, UnicodeError):
            for each in within(PATIENCE_S, partial(corporate_actions.read_actions, path), path):
                if each.kind != "dividend":
                    factor = each.ratio if each.kind == "base" else 1 / each.ratio
                    found.setdefault(each.symbol, {})[each.session.toordinal()] = factor
    return found


def _piece(task: _Task, at: int) -> Imported:
    instrument, started = task.instruments[at], time.perf_counter()
    result = _import_one(instrument, task)
    done = result.error or f"{len(result.dump.bars) if result.dump else 0} bars"
    seconds = time.perf_counter() - started
    task.progress(f"[{at + 1}/{len(task.instruments)}] {instrument.key} {done} ({seconds:.2f} s)")
    return result


def _import_one(instrument: Instrument, task: _Task) -> Imported:
    path, store, now_ms = task.dumps / instrument.file, task.store, task.now_ms
    try:
        task.unreachable.refuse(path)
        try:
            dump = read_dump(
                path,
                instrument,
                task.hours[instrument.market],
                now_ms=now_ms,
                splits=task.splits.get(instrument.symbol),
                others=task.others,
            )
        except TimeoutError:
            task.unreachable.note(path)
            raise
    except Exception as error:  # noqa: BLE001 - whatever is in a file, the others are read
        return failed(instrument, path, error)
    try:
        stored = bring_in(dump, instrument, store, now_ms=now_ms)
    except OSError as error:
        if error.errno in NO_DISK:
            raise  # no other series can be written either
        return failed(instrument, store.folder(instrument.key), error)
    except Exception as error:  # noqa: BLE001 - as above
        return failed(instrument, path, error)
    return Imported(instrument=instrument, dump=dump, stored=stored)


def failed(instrument: Instrument, path: Path, error: Exception) -> Imported:
    """The result for a series that cannot be read or written, with the exit code of the fault."""
    code, text = exit_code_for(error), str(error)
    if isinstance(error, PermissionError):
        text = f"{error.filename or path}: may not be read by this user"
    elif isinstance(error, OSError):
        text = f"{path}: {error.strerror or error}"
        code = ExitCode.MISSING_INPUT if code == ExitCode.BUG else code
    elif not isinstance(error, NightdeskError):
        text = f"{path}: {type(error).__name__}: {error}"
    return Imported(instrument=instrument, error=quoted(text, LONGEST_MESSAGE), exit_code=code)
