"""Did a paper loop and a backtest of its window decide the same? PASS or FAIL (exit 65), the first bar, the cause.

It compares DATA_TAG (--live-tag) with <DATA_TAG>_bt_<RUNID> (--bt-tag). What a recorded event explains (late,
blocked) is no difference, until both are flat again. The journal is also folded again from its own records.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Compare; the lines of the contract on stdout, or JSON alone."""
    parser = Parser(verb="live_eq", doc=__doc__)
    tag, run_id = os.environ.get("DATA_TAG", ""), os.environ.get("RUNID", "")
    parser.add_argument("--live-tag", default=tag, metavar="TAG", help="the loop's (default: DATA_TAG)")
    parser.add_argument(
        "--bt-tag",
        default=f"{tag}_bt_{run_id}" if tag and run_id else "",
        metavar="TAG",
        help="the backtest's (default: <DATA_TAG>_bt_<RUNID>)",
    )
    parser.add_argument("--bars", choices=("live", "store"), default="live", help="whose bars the backtest is made of")
    parser.add_argument("--json", choices=("0", "1"), default="0", help="1: JSON alone on stdout")
    args = parser.parse_args(argv)
    if not args.live_tag or not args.bt_tag:
        parser.error("name both: --live-tag and --bt-tag, or DATA_TAG and RUNID")

    from pyjobs.live.equal import run_window, verdict

    live, other = run_window.places(
        args.live_tag, args.bt_tag, os.environ.get("SYMBOL", ""), os.environ.get("TIMEFRAME", "")
    )
    made = verdict.judge(live, other, stored=run_window.stored(live) if args.bars == "store" else None)
    print(json.dumps(verdict.as_json(made), indent=1) if args.json == "1" else "\n".join(verdict.as_lines(made)))
    return ExitCode.OK if made.passed else ExitCode.BAD_DATA


if __name__ == "__main__":
    sys.exit(run(main))
