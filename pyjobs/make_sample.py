"""Generate the sample market: made-up dumps of twelve stocks, an index and a pair, the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from utils import clock, paths
from utils.cli import Parser, date_of
from utils.errors import UsageError
from utils.run import run
from utils.trading_day import Calendar, Session, load

EARLIEST_YEAR = 2015


def main(argv: Sequence[str] | None = None) -> int:
    """Write the sample's dump files and print where they are."""
    parser = Parser(verb="make_sample", doc=__doc__)
    parser.add_argument("--end", metavar="YYYY-MM-DD", help="last session (default: the newest that has closed)")
    parser.add_argument("--out", metavar="DIR", type=Path, help="where the dumps go (default: data/sample)")
    args = parser.parse_args(argv)
    end = _last_session(load("XKRX"), args.end, clock.now_s())

    from pyjobs.market.sample.files import write_sample
    from pyjobs.market.sample.prices import daily_market, pair_candles

    folder = args.out or paths.data_dir() / "sample"
    written = write_sample(folder, daily_market(load("XKRX"), end), pair_candles(end.close_utc_s * 1000))
    print(f"sample market (made-up prices): {len(written)} files up to session {end.date} in {folder}")
    return 0


def _last_session(calendar: Calendar, end: str | None, now_s: float) -> Session:
    """The newest closed session not after `end`. Raises UsageError for a date that is none or lies in the future."""
    closed = calendar.last_closed_session(now_s)
    if end is None:
        return closed
    day = date_of(end, "--end")
    if day > closed.date:
        raise UsageError(f"--end: {end} is after {closed.date}, the newest session that has closed")
    if day.year < EARLIEST_YEAR:
        raise UsageError(f"--end: {end} is too early: the sample begins in {EARLIEST_YEAR - 1}")
    return calendar.session(day) or calendar.previous_session(day)


if __name__ == "__main__":
    sys.exit(run(main))
