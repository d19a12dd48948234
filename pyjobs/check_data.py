"""Look at every stored bar: gaps, duplicates, impossible and bad prices, halts, stale ends, splits not worked in."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from utils import clock, paths
from utils.cli import Parser
from utils.errors import MissingInputError, NightdeskError
from utils.exit_codes import ExitCode
from utils.run import run
from utils.settings import config

if TYPE_CHECKING:
    from pyjobs.market.bars import SeriesKey
    from pyjobs.market.checks.inspection import Flaw, Inspected
    from pyjobs.market.store.bar_store import BarStore

SHOWN = 200


def main(argv: Sequence[str] | None = None) -> int:
    """Inspect every series, or those the flags name; exit 65 when something is wrong beyond doubt, else 0."""
    parser = Parser(verb="check_data", doc=__doc__)
    parser.add_argument("--exchange", metavar="NAME", help="only this exchange's series")
    parser.add_argument("--symbol", metavar="SYMBOL", help="only this symbol's")
    parser.add_argument("--timeframe", metavar="TF", help="only these bars")
    parser.add_desk(default="the market of a series is its exchange's")
    parser.add_argument("--market", metavar="M", help="the calendar of all of them, instead")
    parser.add_argument("--json", choices=("0", "1"), default="0", help="1: print JSON, every finding")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    args = parser.parse_args(argv)

    from pyjobs.market.checks.inspection import without_crashes
    from pyjobs.market.store.open_store import open_store

    store = open_store()
    wanted = {name: getattr(args, name) for name in ("exchange", "symbol", "timeframe") if getattr(args, name)}
    keys = [key for key in store.series() if all(getattr(key, name) == want for name, want in wanted.items())]
    if not keys:
        raise MissingInputError(f"no such series under {store.root}")
    markets = _markets(args.desk)
    now_ms = clock.now_ms()
    found = without_crashes([_looked_at(store, key, args.market or _market(markets, key), now_ms) for key in keys])
    print(as_json(found) if args.json == "1" else as_text(found, markdown=args.markdown))
    broken = any(flaw.level == "FAIL" for series in found for flaw in series.flaws)
    return ExitCode.BAD_DATA if broken else ExitCode.OK


def _looked_at(store: BarStore, key: SeriesKey, market: str | None, now_ms: int) -> Inspected:
    """One series; what cannot be looked at is a finding of its own and hides no other."""
    from pyjobs.market.checks.inspection import failed, inspect

    try:
        return inspect(store, key, market, now_ms=now_ms)
    except NightdeskError as error:
        return failed(key, market, error)


def as_json(found: Sequence[Inspected]) -> str:
    """Every series with every finding."""
    series = [
        {
            "exchange": one.key.exchange,
            "symbol": one.key.symbol,
            "timeframe": one.key.timeframe,
            "market": one.market,
            "partitions": one.partitions,
            "bars": one.bars,
            "last": one.last,
            "findings": [asdict(flaw) for flaw in one.flaws],
        }
        for one in found
    ]
    return json.dumps({"series": series}, ensure_ascii=False, indent=1)


def as_text(found: Sequence[Inspected], *, markdown: bool) -> str:
    """A table of the series and one of the findings, worst first."""
    from utils.tables import Column, markdown_table, text_table

    table = markdown_table if markdown else text_table
    of_series = [
        [str(one.key), one.market or "unknown: gaps not looked for", str(one.partitions), str(one.bars), one.last]
        + [str(_count(one, level)) for level in ("FAIL", "WARN", "note")]
        for one in found
    ]
    head = [Column("series"), Column("market"), Column("partitions", right=True), Column("bars", right=True)]
    head += [Column("last"), Column("FAIL", right=True), Column("WARN", right=True), Column("note", right=True)]
    lines = ["# Stored bars\n"] if markdown else []
    lines.append(table(head, of_series))
    flaws = sorted((flaw for one in found for flaw in one.flaws), key=_rank)
    if flaws:
        columns = [Column("level"), Column("series"), Column("partition"), Column("count", right=True)]
        columns += [Column("what"), Column("first"), Column("example")]
        rows = [[f.level, f.series, f.partition, str(f.count), f.what, f.first, f.example] for f in flaws[:SHOWN]]
        lines.append(table(columns, rows))
    if len(flaws) > SHOWN:
        lines.append(f"… and {len(flaws) - SHOWN} more findings: --json 1 has them all\n")
    return "\n".join(lines).rstrip()


def _rank(flaw: Flaw) -> tuple[int, str, str]:
    return ("FAIL", "WARN", "note").index(flaw.level), flaw.series, flaw.partition


def _count(one: Inspected, level: str) -> int:
    return sum(flaw.level == level for flaw in one.flaws)


def _markets(desk: str | None) -> dict[object, str]:
    """The market of each instrument of the desk (by series) and of each exchange of config/exchanges.yaml (by name)."""
    from pyjobs.market.desk.desk_file import load_desk
    from pyjobs.market.desks import desk_path
    from pyjobs.market.exchanges import load_exchanges

    exchanges = load_exchanges(config.own_or_default("exchanges.yaml"))
    instruments = load_desk(desk_path(desk, paths.config_dir())).instruments
    by_name: dict[object, str] = {name: exchange.market for name, exchange in exchanges.items()}
    return by_name | {instrument.key: instrument.market for instrument in instruments}


def _market(markets: dict[object, str], key: SeriesKey) -> str | None:
    return markets.get(key) or markets.get(key.exchange)


if __name__ == "__main__":
    sys.exit(run(main))
