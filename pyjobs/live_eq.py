"""Did a paper loop and a backtest of its window decide the same? PASS or FAIL (exit 65), the first bar, the cause.

It compares DATA_TAG (--live-tag) with <DATA_TAG>_bt_<RUNID> (--bt-tag). A difference that a recorded event explains
(late, blocked) is none, until both are flat again. The journal is also folded again from its own records.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Compare; the lines of the contract on stdout, or JSON alone."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.compile:
        from pyjobs.live.deciding import whole

        whole.compile_all()
        return ExitCode.OK
    series = (os.environ.get("SYMBOL", ""), os.environ.get("TIMEFRAME", ""))
    if args.trades:
        if not args.live_tag:
            parser.error("--trades needs --live-tag, or DATA_TAG")
        return _against(args, *series)
    if not args.live_tag or not args.bt_tag:
        parser.error("name both: --live-tag and --bt-tag, or DATA_TAG and RUNID")

    from pyjobs.live.equal import run_window, verdict

    live, other = run_window.places(args.live_tag, args.bt_tag, *series)
    made = verdict.judge(live, other, stored=run_window.stored(live) if args.bars == "store" else None)
    print(json.dumps(verdict.as_json(made), indent=1) if args.json == "1" else "\n".join(verdict.as_lines(made)))
    return ExitCode.OK if made.passed else ExitCode.BAD_DATA


def _parser() -> Parser:
    parser = Parser(verb="live_eq", doc=__doc__)
    tag, run_id = os.environ.get("DATA_TAG", ""), os.environ.get("RUNID", "")
    parser.add_argument("--live-tag", default=tag, metavar="TAG", help="the loop's (default: DATA_TAG)")
    parser.add_argument(
        "--bt-tag",
        default=f"{tag}_bt_{run_id}" if tag and run_id else "",
        metavar="TAG",
        help="the backtest's (default: <DATA_TAG>_bt_<RUNID>)",
    )
    parser.add_argument(
        "--bars", choices=("live", "store"), default="live", help="bars of the loop or the store (default live)"
    )
    parser.add_argument(
        "--trades", type=Path, metavar="FILE", help="against another engine's export: freqtrade JSON, CSV"
    )
    parser.add_argument(
        "--map", default="", metavar="K=COLUMN,…", help="of a CSV: side, entry, exit, entry_price, exit_price"
    )
    parser.add_argument("--pair", default="", metavar="NAME", help="of an export of several: this pair's trades")
    parser.add_argument(
        "--compile", action="store_true", help="only compile what a comparison needs, once for this machine, and end"
    )
    parser.add_argument("--json", choices=("0", "1"), default="0", help="1: JSON alone on stdout")
    return parser


def _against(args: argparse.Namespace, symbol: str, timeframe: str) -> int:
    """The loop's trades against an export."""
    from pyjobs.live.equal import logs, other_engine
    from pyjobs.live.spec import params_of

    live = logs.read(logs.place_of(args.live_tag, symbol, timeframe), live=True)
    columns = {name: str(value) for name, value in params_of(args.map, "--map").items()}
    theirs = other_engine.read(args.trades, live.place.timeframe, columns=columns, pair=args.pair)
    passed, lines = other_engine.compared(live, theirs)
    print(
        json.dumps({"result": "PASS" if passed else "FAIL", "lines": lines}) if args.json == "1" else "\n".join(lines)
    )
    return ExitCode.OK if passed else ExitCode.BAD_DATA


if __name__ == "__main__":
    sys.exit(run(main))
