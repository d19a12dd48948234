"""What an import brought, for a run's reports and for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import msgspec

from pyjobs.market.desk.desk_file import Desk
from pyjobs.market.dumps.data_file import Data, Finding, ImportedSeries
from pyjobs.market.dumps.import_desk import Imported
from pyjobs.market.times import utc_text
from utils.tables import Column, text_table


def report_json(desk: Desk, results: Sequence[Imported]) -> str:
    """reports/data.json of a run: one entry per instrument, in the desk's order."""
    content = msgspec.to_builtins(Data(desk=desk.name, instruments=[_entry(result) for result in results]))
    return json.dumps(content, ensure_ascii=False, indent=1)


def _entry(result: Imported) -> ImportedSeries:
    instrument, dump, stored = result.instrument, result.dump, result.stored
    entry = ImportedSeries(
        symbol=instrument.symbol,
        exchange=instrument.exchange,
        timeframe=instrument.timeframe,
        file=instrument.file,
        error=result.error,
    )
    if dump is None or stored is None:
        return entry
    return msgspec.structs.replace(
        entry,
        rows_read=dump.rows_read,
        bars=len(dump.bars),
        first_session=dump.first[:10],
        last_session=dump.last[:10],
        first_ts_ms=int(dump.bars.ts_ms[0]) if dump.bars else None,
        last_ts_ms=int(dump.bars.ts_ms[-1]) if dump.bars else None,
        new=stored.new,
        changed=stored.changed,
        same=stored.same,
        left=stored.left,
        gone=stored.gone,
        rebased=stored.rebased,
        unconfirmed_ts_ms=stored.unconfirmed,
        cleaned=dump.cleaned,
        oddities=dump.oddities,
        beside_store=list(stored.findings),
    )


def report_text(desk: Desk, results: Sequence[Imported]) -> str:
    """The import's report for a terminal: a table of the series, what was found in them, and the failures last."""
    label = f" ({desk.banner})" if desk.banner else ""
    lines = [f"desk {desk.name}{label}: {len(results)} instruments", ""]
    header = ["series", "rows", "bars", "first", "last", "new", "changed", "same", "left", "partitions"]
    lines += _table(header, [_summary(r) for r in results])
    found = [
        [str(r.instrument.key), kind, str(finding.count), finding.what, str(finding.first), str(finding.example)]
        for r in results
        for kind, finding in _found(r)
    ]
    lines += _unconfirmed(results)
    if found:
        lines += ["", *_table(["series", "", "count", "what", "first", "example"], found)]
    failed = [result for result in results if result.error]
    if failed:
        lines += ["", f"{len(failed)} of {len(results)} failed:"]
        lines += [f"  {result.instrument.key}: {result.error}" for result in failed]
    return "\n".join(lines)


def _found(result: Imported) -> Iterator[tuple[str, Finding]]:
    dump, stored = result.dump, result.stored
    if dump is None or stored is None:
        return
    yield from (("cleaned", finding) for finding in dump.cleaned)
    yield from (("oddity", finding) for finding in dump.oddities)
    yield from (("store", finding) for finding in stored.findings)
    if stored.rebased:
        yield "store", Finding(what="series put on the basis of the file", count=len(dump.bars), first="", example="")


def _unconfirmed(results: Sequence[Imported]) -> list[str]:
    """One line for all series whose newest bar is unconfirmed: after an import, nearly all of them."""
    times = [r.stored.unconfirmed for r in results if r.stored is not None and r.stored.unconfirmed is not None]
    if not times:
        return []
    first, last = utc_text(min(times)), utc_text(max(times))
    span = first if first == last else f"{first} to {last}"
    return ["", f"newest bar of {len(times)} series: unconfirmed until a later row or a later file has it ({span})"]


def _summary(result: Imported) -> list[str]:
    dump, stored = result.dump, result.stored
    if dump is None or stored is None:
        return [str(result.instrument.key), "-", "-", "-", "FAILED", "-", "-", "-", "-", "-"]
    counts = (stored.new, stored.changed, stored.same, stored.left)
    return [
        str(result.instrument.key),
        str(dump.rows_read),
        str(len(dump.bars)),
        dump.first,
        dump.last,
        *(str(count) for count in counts),
        f"{len(stored.partitions)} written" if stored.partitions else "unchanged",
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns lined up: numbers to the right, text to the left."""
    numeric = [all(row[at].isdigit() or row[at] == "-" for row in rows) for at in range(len(header))]
    return text_table(
        [Column(name, right=right) for name, right in zip(header, numeric, strict=True)], rows
    ).splitlines()
