"""Bring every fetched series of a desk up to date, in few requests; what is missing is named, and why.

Exit code: 0, also when single symbols are missing; 2 when providers answer and have not the newest session of half of a
market's due series yet; 69 when they failed for half of them; with both 2. What is wrong here (bars that cannot be
true, a key that is not set) ends with its own code. With --out: writes reports/fetch.json into that run folder.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyjobs.market.desk import open_desk
from pyjobs.market.desks import desk_path, flag_for
from pyjobs.market.universe.history_by_board import SESSIONS_A_JOB
from pyjobs.reporting.fetches.bring_up_to_date import begun, bring_up_to_date, is_fetched
from pyjobs.runs.run_folder import BUILDING
from utils import paths
from utils.errors import UsageError
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch, print what each series got, write the report; see the module."""
    parser = open_desk.parser("fetch", __doc__, out_required=False)
    parser.add_argument("--all-missing", action="store_true", help="name every missing symbol, not only examples")
    args = parser.parse_args(argv)
    if args.out is not None and not args.out.is_dir():
        raise UsageError(f"--out {args.out}: there is no such folder")
    path = desk_path(args.desk, paths.config_dir())
    desk, job = begun(path, history=None if sys.stderr.isatty() else SESSIONS_A_JOB)
    if not is_fetched(desk):
        named = flag_for(path, paths.config_dir())
        print(f"desk {desk.name}: nothing is fetched; its prices come from files: python -m pyjobs.import_bars{named}")
        return ExitCode.OK
    of_night = args.out is not None and args.out.name.startswith(BUILDING)  # which marks its lines when it is published
    verdict = bring_up_to_date(
        desk, job, session=args.session, out=args.out, all_missing=args.all_missing, page=of_night
    )
    error = verdict.error()
    if error is not None:
        raise error
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
