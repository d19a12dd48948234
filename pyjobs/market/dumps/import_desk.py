"""Import a desk: every dump into the store, each result kept, one bad file hiding no other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.dumps.compare import Stored, bring_in
from pyjobs.market.dumps.read_dump import Dump, read_dump
from pyjobs.market.store.bar_store import BarStore
from utils.errors import NightdeskError
from utils.exit_codes import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of one instrument: its dump and what it changed in the store, or the error."""

    instrument: Instrument
    dump: Dump | None = None
    stored: Stored | None = None
    error: str | None = None
    exit_code: ExitCode = ExitCode.OK

    @property
    def partitions_changed(self) -> int:
        """How many files of the store were written."""
        return len(self.stored.partitions) if self.stored else 0


def import_desk(
    desk: Desk, dumps: Path, store: BarStore, *, now_ms: int, progress: Callable[[str], None] = lambda _: None
) -> list[Imported]:
    """Import every instrument of `desk` that has a file, from the folder `dumps`; errors of the data are results."""
    instruments = [each for each in desk.instruments if each.file]
    hours = {market: hours_of(market) for market in sorted({i.market for i in instruments})}
    results = []
    for count, instrument in enumerate(instruments, 1):
        started = time.perf_counter()
        result = _import_one(instrument, dumps, hours[instrument.market], store, now_ms)
        done = result.error or f"{len(result.dump.bars) if result.dump else 0} bars"
        seconds = time.perf_counter() - started
        progress(f"[{count}/{len(instruments)}] {instrument.key} {done} ({seconds:.2f} s)")
        results.append(result)
    return results


def _import_one(instrument: Instrument, dumps: Path, hours: MarketHours, store: BarStore, now_ms: int) -> Imported:
    path = dumps / instrument.file
    try:
        dump = read_dump(path, instrument, hours, now_ms=now_ms)
        stored = bring_in(dump, instrument, store, now_ms=now_ms)
    except NightdeskError as error:
        return Imported(instrument=instrument, error=str(error), exit_code=error.exit_code)
    except PermissionError as error:
        error_text = f"{error.filename or path}: may not be read by this user"
        return Imported(instrument=instrument, error=error_text, exit_code=ExitCode.PERMISSION)
    return Imported(instrument=instrument, dump=dump, stored=stored)
