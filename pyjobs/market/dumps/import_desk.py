"""Import a desk: every dump into the store, each result kept, one bad file hiding no other."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.dumps.read_dump import Dump, read_dump
from pyjobs.market.store.bar_store import BarStore
from utils.errors import NightdeskError
from utils.exit_codes import ExitCode
from utils.foreign_text import LONGEST_MESSAGE, quoted
from utils.run import exit_code_for

PROVIDER = "local_cache"
NO_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of one instrument: its dump and how many partitions changed, or the error."""

    instrument: Instrument
    dump: Dump | None = None
    partitions_changed: int = 0
    error: str | None = None
    exit_code: ExitCode = ExitCode.OK


def import_desk(
    desk: Desk, dumps: Path, store: BarStore, *, now_ms: int, progress: Callable[[str], None] = lambda _: None
) -> list[Imported]:
    """Import every instrument of `desk` from the folder `dumps`; errors of the data are results, others are raised."""
    hours = {market: hours_of(market) for market in sorted({i.market for i in desk.instruments})}
    results = []
    for count, instrument in enumerate(desk.instruments, 1):
        started = time.perf_counter()
        result = _import_one(instrument, dumps, hours[instrument.market], store, now_ms)
        done = result.error or f"{len(result.dump.bars) if result.dump else 0} bars"
        seconds = time.perf_counter() - started
        progress(f"[{count}/{len(desk.instruments)}] {instrument.key} {done} ({seconds:.2f} s)")
        results.append(result)
    return results


def _import_one(instrument: Instrument, dumps: Path, hours: MarketHours, store: BarStore, now_ms: int) -> Imported:
    path = dumps / instrument.file
    try:
        dump = read_dump(path, instrument, hours, now_ms=now_ms)
    except Exception as error:  # noqa: BLE001 - whatever is in a file, the others are read
        return _failed(instrument, path, error)
    try:
        changed = store.write(
            instrument.key,
            dump.bars,
            provider=PROVIDER,
            fetched_at_ms=now_ms,
            adjusted=instrument.prices,
            last_final=True,  # an open bar never leaves read_dump
        )
    except OSError as error:
        if error.errno in NO_DISK:
            raise  # no other series can be written either
        return _failed(instrument, store.folder(instrument.key), error)
    except NightdeskError as error:
        return _failed(instrument, path, error)
    return Imported(instrument=instrument, dump=dump, partitions_changed=len(changed))


def _failed(instrument: Instrument, path: Path, error: Exception) -> Imported:
    """The result for a series that cannot be read or written, with the code that says whose fault it is."""
    code, said = exit_code_for(error), str(error)
    if isinstance(error, PermissionError):
        said = f"{path}: may not be read by this user"
    elif isinstance(error, OSError):
        said = f"{path}: {error.strerror or error}"
        code = ExitCode.MISSING_INPUT if code == ExitCode.BUG else code
    elif not isinstance(error, NightdeskError):
        said = f"{path}: {type(error).__name__}: {error}"
    return Imported(instrument=instrument, error=quoted(said, LONGEST_MESSAGE), exit_code=code)


def report_json(desk: Desk, results: Sequence[Imported]) -> str:
    """reports/data.json of a run: one entry per instrument, in the desk's order."""
    return json.dumps({"desk": desk.name, "instruments": [_entry(r) for r in results]}, ensure_ascii=False, indent=1)


def _entry(result: Imported) -> dict[str, object]:
    instrument, dump = result.instrument, result.dump
    bars = dump.bars if dump else None
    return {
        "symbol": instrument.symbol,
        "exchange": instrument.exchange,
        "timeframe": instrument.timeframe,
        "file": instrument.file,
        "rows_read": dump.rows_read if dump else 0,
        "bars": len(bars) if bars else 0,
        "first_session": dump.first[:10] if dump else None,
        "last_session": dump.last[:10] if dump else None,
        "first_ts_ms": int(bars.ts_ms[0]) if bars else None,
        "last_ts_ms": int(bars.ts_ms[-1]) if bars else None,
        "treated": [asdict(finding) for finding in dump.treated] if dump else [],
        "warts": [asdict(finding) for finding in dump.warts] if dump else [],
        "error": result.error,
    }


def report_text(desk: Desk, results: Sequence[Imported]) -> str:
    """The same for a terminal: a table of the series, what was found in them, and the failures last."""
    label = f" ({desk.label})" if desk.label else ""
    lines = [f"desk {desk.name}{label}: {len(results)} instruments", ""]
    lines += _table(["series", "rows", "bars", "first", "last", "partitions"], [_summary(r) for r in results])
    found = [
        [str(r.instrument.key), kind, str(finding.count), finding.what, finding.first, finding.example]
        for r in results
        if r.dump
        for kind, findings in (("treated", r.dump.treated), ("kept", r.dump.warts))
        for finding in findings
    ]
    if found:
        lines += ["", *_table(["series", "", "count", "what", "first", "example"], found)]
    failed = [result for result in results if result.error]
    if failed:
        lines += ["", f"{len(failed)} of {len(results)} failed:"]
        lines += [f"  {result.instrument.key}: {result.error}" for result in failed]
    return "\n".join(lines)


def _summary(result: Imported) -> list[str]:
    dump = result.dump
    if dump is None:
        return [str(result.instrument.key), "-", "-", "-", "FAILED", "-"]
    return [
        str(result.instrument.key),
        str(dump.rows_read),
        str(len(dump.bars)),
        dump.first,
        dump.last,
        _changes(result.partitions_changed),
    ]


def _changes(count: int) -> str:
    return f"{count} written" if count else "unchanged"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns lined up: numbers to the right, text to the left."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    numeric = [all(row[i].isdigit() or row[i] == "-" for row in rows) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = zip(row, widths, numeric, strict=True)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells).rstrip()

    return [line(row) for row in (header, *rows)]
