"""Is all quiet because all is well, or because it is broken? One line per thing looked at: OK, WARN or FAIL.

Exit 3 when something is a FAIL (with --strict also on WARN), else 0. With secret/alerts.yaml a change of state is sent
there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import partial

from pyjobs.runs.alerts import bell
from pyjobs.runs.verdict import findings
from pyjobs.runs.verdict.look import House, look
from utils import clock, paths
from utils.cli import Parser
from utils.files.in_time import within
from utils.run import run

RING_S = 120.0  # a letter that is slow is waited for


def main(argv: Sequence[str] | None = None) -> int:
    """Look at everything, print it, send the changes to their addresses, and exit by the worst of it."""
    parser = Parser(verb="healthcheck", doc=__doc__)
    parser.add_desk(default="all desks")
    parser.add_argument("--json", choices=("0", "1"), default="0", help="1: print JSON, for a monitor")
    parser.add_argument("--strict", action="store_true", help="exit 3 on WARN too")
    parser.add_argument("--mode", choices=("operator", "strict"), default="operator", help="strict: as --strict")
    args = parser.parse_args(argv)

    now_s = clock.now_s()
    checks = list(look(House(now_s, args.desk)))
    ring = partial(bell.ring, checks, now_s, secret=paths.secret_dir(), keep_in=bell.places())
    try:
        found = within(RING_S, ring, paths.root())
    except OSError as error:  # what was found is printed
        found = findings.Check("alerts", "FAIL", f"cannot be reported: {error}", "alerts")
    checks += [found] if found else []
    state = findings.worst(checks)
    if args.json == "1":
        print(json.dumps(findings.as_json(checks), ensure_ascii=False, indent=1))
    else:
        print("\n".join([*findings.as_lines(checks), f"health: {state}"]))
    return findings.exit_code(checks, strict=args.strict or args.mode == "strict")


if __name__ == "__main__":
    sys.exit(run(main))
