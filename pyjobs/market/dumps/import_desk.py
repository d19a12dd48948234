"""Import a desk: every dump into the store, each result kept, one bad file hiding no other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.dumps.read_dump import Dump, read_dump
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.basis import factor_between
from utils.errors import BadDataError, ConfigError, MissingInputError
from utils.exit_codes import ExitCode

PROVIDER = "local_cache"


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
    """Import every instrument of `desk` that has a file, from the folder `dumps`.

    Errors of the data are results, others are raised.
    """
    with_file = [instrument for instrument in desk.instruments if instrument.file]
    hours = {market: hours_of(market) for market in sorted({i.market for i in with_file})}
    results = []
    for count, instrument in enumerate(with_file, 1):
        started = time.perf_counter()
        result = _import_one(instrument, dumps, hours[instrument.market], store, now_ms)
        done = result.error or f"{len(result.dump.bars) if result.dump else 0} bars"
        seconds = time.perf_counter() - started
        progress(f"[{count}/{len(with_file)}] {instrument.key} {done} ({seconds:.2f} s)")
        results.append(result)
    return results


def _import_one(instrument: Instrument, dumps: Path, hours: MarketHours, store: BarStore, now_ms: int) -> Imported:
    path = dumps / instrument.file
    try:
        dump = read_dump(path, instrument, hours, now_ms=now_ms)
    except (BadDataError, MissingInputError, ConfigError) as error:
        return Imported(instrument=instrument, error=str(error), exit_code=error.exit_code)
    except PermissionError:
        error_text = f"{path}: may not be read by this user"
        return Imported(instrument=instrument, error=error_text, exit_code=ExitCode.PERMISSION)
    try:
        changed = store.write(
            instrument.key,
            _of_one_basis(instrument, dump.bars, store),
            provider=PROVIDER,
            fetched_at_ms=now_ms,
            adjusted=instrument.prices,
            last_final=True,  # an open bar never leaves read_dump
        )
    except BadDataError as error:
        return Imported(instrument=instrument, error=str(error), exit_code=error.exit_code)
    return Imported(instrument=instrument, dump=dump, partitions_changed=len(changed))


def _of_one_basis(instrument: Instrument, bars: Bars, store: BarStore) -> Bars:
    """The bars to store; none when what is stored has them all, re-based by its exchange since the file was made.

    Raises BadDataError when the file is on another basis than stored bars that would stay beside its own.
    """
    known = store.provenance(instrument.key)
    if known is None or (known.provider == PROVIDER and not instrument.fetched):
        return bars
    stored = store.read(instrument.key)
    factor = factor_between(stored, bars)
    if factor == 1 or np.isin(stored.ts_ms, bars.ts_ms).all():
        return bars
    if instrument.fetched and np.isin(bars.ts_ms, stored.ts_ms).all():
        return bars.slice(0, 0)
    raise BadDataError(
        f"{instrument.key}: the closes in {instrument.file!r} are {factor:.6g} times those that are stored: a split or "
        "dividend lies between the two, and they never mix; nothing was stored. Bring a file that reaches over all of "
        f"the stored history, take the instrument's `file` out of the desk, or move {store.folder(instrument.key)} away"
    )


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
