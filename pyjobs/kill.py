"""The kill switch of all paper loops: no entry from the next step on, until a person releases it.

With --flatten what is open leaves at its next open. Without any flag it shows whether it is on (exit 3 when it is).
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence

from pyjobs.live import kill_switch
from utils import clock
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Turn it on, release it, or show whether it is on."""
    parser = Parser(verb="kill", doc=__doc__)
    parser.add_argument("--reason", metavar="TEXT", help="turn it on, and give the reason")
    parser.add_argument("--flatten", action="store_true", help="with --reason: leave what is open at the next open")
    parser.add_argument("--release", action="store_true", help="turn it off")
    args = parser.parse_args(argv)
    if args.release and (args.reason or args.flatten):
        parser.error("--release goes alone")
    if args.flatten and not args.reason:
        parser.error("--flatten goes with --reason")
    if args.reason is not None and not args.reason.strip():
        parser.error("--reason is empty")
    if args.reason:
        at = dt.datetime.fromtimestamp(clock.now_s(), dt.UTC).isoformat(timespec="seconds")
        kill_switch.turn_on(args.reason.strip(), flatten=args.flatten, at=at)
    elif args.release:
        was = kill_switch.release()
        print("released: entries again from the next step on" if was else "it was not on")
        return ExitCode.OK
    now = kill_switch.state()
    if now is None:
        print("off")
        return ExitCode.OK
    what = "no entry, and what is open leaves at the next open" if now.flatten else "no entry; what is open stays"
    print(f"on since {now.at or 'a hand made the file'}: {now.reason or 'no reason given'} ({what})")
    return ExitCode.OK if args.reason else ExitCode.UNWELL


if __name__ == "__main__":
    sys.exit(run(main))
