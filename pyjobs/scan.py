"""Signals of the last closed bar over the desk's universe.

With --out: writes reports/scan.json into that run folder. Without: writes reports/scan_<session>.md of its own.
Exits 2 when every traded instrument is behind the session.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyjobs.account.desk.desk_setups import setups_of
from pyjobs.market.desk import open_desk as rim
from pyjobs.market.desk.snapshot import Series, Snapshot
from pyjobs.reporting import numbers
from pyjobs.reporting.tables import Column, markdown_table, text_table
from pyjobs.strategy.scan import last_bar_signals, longest_lookback
from pyjobs.strategy.signals import Setup
from utils import atomic, paths
from utils.errors import StaleDataError
from utils.exit_codes import ExitCode
from utils.run import run
from utils.text_files import write_json

INSTRUMENT_COLUMNS = (
    Column("symbol"),
    Column("timeframe"),
    Column("role"),
    Column("last session"),
    Column("close", right=True),
    Column("change", right=True),
    Column("bars", right=True),
    Column("status"),
    Column("signals"),
)
SIGNAL_COLUMNS = (
    Column("symbol"),
    Column("timeframe"),
    Column("setup"),
    Column("side"),
    Column("close", right=True),
    Column("stop", right=True),
    Column("why"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Scan, print, write; see the module."""
    args = rim.parser("scan", __doc__, out_required=False).parse_args(argv)
    path, snapshot = rim.opened(args)
    found = setups_of(snapshot, source=str(path))
    setups = found.setups
    result = {**scanned(snapshot, setups), "notes": found.notes}
    title = f"{snapshot.desk.label or snapshot.desk.name}: scan of {snapshot.session}"
    tables = [(INSTRUMENT_COLUMNS, instrument_rows(result)), (SIGNAL_COLUMNS, signal_rows(result))]
    print(f"{title}\n\n" + "\n".join(text_table(columns, rows) for columns, rows in tables if rows), end="")
    print("".join(f"\n{note}" for note in found.notes))
    if args.out is None:
        target = paths.reports_dir() / f"scan_{snapshot.session}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(
            target,
            f"# {title}\n\n"
            + "\n".join(markdown_table(columns, rows) for columns, rows in tables if rows)
            + "".join(f"\n{note}\n" for note in found.notes),
        )
        print(f"\nwritten: {target}")
    else:
        write_json(args.out / "reports" / "scan.json", result)
    refuse_stale(snapshot, path)
    return ExitCode.OK


def scanned(snapshot: Snapshot, setups: Mapping[str, Setup]) -> dict[str, Any]:
    """The content of scan.json."""
    need = longest_lookback(setups)
    instruments, signals = [], []
    for series in snapshot.series:
        status = status_of(series, need)
        instruments.append(instrument_record(series, status))
        if status in ("ok", "too_few_bars") and series.instrument.scanned:
            signals += signal_records(series, setups)
    return {
        "desk": snapshot.desk.name,
        "session": snapshot.session.isoformat(),
        "asof_ts_ms": snapshot.asof_ts_ms,
        "instruments": instruments,
        "signals": signals,
    }


def status_of(series: Series, need: int) -> str:
    """`too_few_bars`: some setup cannot be decided yet; those that can still speak."""
    if not len(series.bars):
        return "no_bars"
    if series.stale:
        return "stale"
    return "ok" if len(series.bars) >= need or not series.instrument.scanned else "too_few_bars"


def instrument_record(series: Series, status: str) -> dict[str, Any]:
    """One row of scan.json's instruments; `change` is a fraction of the previous bar's close."""
    each, bars = series.instrument, series.bars
    n = len(bars)
    return {
        "symbol": each.symbol,
        "exchange": each.exchange,
        "timeframe": each.timeframe,
        "market": each.market,
        "currency": each.currency,
        "name": each.name,
        "role": each.role,
        "status": status,
        "bars": n,
        "last_ts_ms": int(bars.ts_ms[-1]) if n else None,
        "last_session": series.last_session.isoformat() if series.last_session else None,
        "close": float(bars.close[-1]) if n else None,
        "change": float(bars.close[-1] / bars.close[-2] - 1) if n > 1 and bars.close[-2] > 0 else None,
    }


def signal_records(series: Series, setups: Mapping[str, Setup]) -> list[dict[str, Any]]:
    """This instrument's rows of scan.json's signals."""
    each = series.instrument
    return [
        {
            "symbol": each.symbol,
            "exchange": each.exchange,
            "timeframe": each.timeframe,
            "setup": signal.setup,
            "side": signal.side,
            "ts_ms": signal.ts_ms,
            "session": series.last_session.isoformat() if series.last_session else None,
            "close": signal.close,
            "stop": signal.stop,
            "why": signal.why,
        }
        for signal in last_bar_signals(series.bars, setups)
    ]


def instrument_rows(result: dict[str, Any]) -> list[list[str]]:
    """The universe as text."""
    fired: dict[tuple[str, str, str], list[str]] = {}
    for signal in result["signals"]:
        fired.setdefault((signal["exchange"], signal["symbol"], signal["timeframe"]), []).append(signal["setup"])
    return [
        [
            each["symbol"],
            each["timeframe"],
            each["role"],
            each["last_session"] or numbers.NOTHING,
            numbers.price(each["close"]),
            numbers.change(each["change"]),
            numbers.count(each["bars"]),
            each["status"],
            ", ".join(fired.get((each["exchange"], each["symbol"], each["timeframe"]), [])),
        ]
        for each in result["instruments"]
    ]


def signal_rows(result: dict[str, Any]) -> list[list[str]]:
    """The signals as text."""
    return [
        [
            *(each[name] for name in ("symbol", "timeframe", "setup", "side")),
            numbers.price(each["close"]),
            numbers.price(each["stop"]),
            each["why"],
        ]
        for each in result["signals"]
    ]


def refuse_stale(snapshot: Snapshot, path: Path) -> None:
    """Raise StaleDataError when no traded instrument is up to date (what was found has been written by then)."""
    traded = [series for series in snapshot.series if series.instrument.role == "trade"]
    if traded and all(series.stale or not len(series.bars) for series in traded):
        newest = max((str(series.last_session) for series in traded if series.last_session), default="none")
        raise StaleDataError(
            f"{path}: none of {len(traded)} traded instruments has a bar of session {snapshot.session} "
            f"(newest: {newest}); bring in newer bars with: python -m pyjobs.import_bars --desk {path}"
        )


if __name__ == "__main__":
    sys.exit(run(main))
