"""A plain backtest of the window of a paper loop, written next to its journal as <tag>_bt_<runid>.

It reads DATA_TAG (--tag), from START_TS_MS (--start; the first live decision) to END_TS_MS (--end; the last), as RUNID
(--runid). The bars are those that the loop has seen; with --bars store, those of data/raw: what revisions would have
changed. A journal with a line that was changed is not backtested: FAIL, with its block.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Sequence

from utils import clock
from utils.cli import Parser
from utils.errors import UsageError
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Decide the window, write it, and print where."""
    parser = Parser(verb="live_backtest", doc=__doc__)
    parser.add_argument("--tag", default=os.environ.get("DATA_TAG", ""), help="of the loop (default: DATA_TAG)")
    parser.add_argument(
        "--runid", default=os.environ.get("RUNID", ""), help="of this run (default: RUNID, else the time)"
    )
    parser.add_argument(
        "--start", default=os.environ.get("START_TS_MS", ""), metavar="TS_MS", help="first close decided"
    )
    parser.add_argument("--end", default=os.environ.get("END_TS_MS", ""), metavar="TS_MS", help="last close decided")
    parser.add_argument(
        "--bars", choices=("live", "store"), default="live", help="bars of the loop or the store (default live)"
    )
    args = parser.parse_args(argv)
    now = dt.datetime.fromtimestamp(clock.now_s(), dt.UTC)

    from pyjobs.live.config import refuse_real_money
    from pyjobs.live.equal import run_window, verdict
    from pyjobs.live.equal.logs import BadLine, place_of

    refuse_real_money()
    runid = args.runid or f"bt_{now:%Y%m%d_%H%M%S}"
    try:
        made = run_window.run(
            args.tag,
            runid,
            symbol=os.environ.get("SYMBOL", ""),
            timeframe=os.environ.get("TIMEFRAME", ""),
            start_ms=_time("START_TS_MS", args.start),
            end_ms=_time("END_TS_MS", args.end),
            from_store=args.bars == "store",
            at=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
    except BadLine as error:  # a line that is not what was written is a FAIL already, and is reported as one
        broken = verdict.Verdict(live_tag=args.tag, other_tag=f"{args.tag}_bt_{runid}")
        place = place_of(args.tag, os.environ.get("SYMBOL", ""), os.environ.get("TIMEFRAME", ""))
        print("\n".join(verdict.as_lines(verdict.broken(broken, error, place))))
        return ExitCode.BAD_DATA
    print(made)
    return 0


def _time(name: str, text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 15:
        raise UsageError(f"{name}={text!r} is not UTC milliseconds since 1970, such as 1770508500000")
    return int(text)


if __name__ == "__main__":
    sys.exit(run(main))
