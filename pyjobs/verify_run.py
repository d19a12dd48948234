"""Does a finished run match its manifest: every file there, every byte the same, nothing more?

RUN is a run's folder, or its name in data/server_runs, data/server_runs_remote or backtests. Without one: the newest
night; with --all every finished run of --runs DIR. Differences exit 65, each named; what is no finished run exits 66.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.runs import sealed
from pyjobs.runs.run_folder import find_run, finished_runs
from utils import paths
from utils.cli import Parser
from utils.errors import BadDataError, MissingInputError, NightdeskError
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Verify each run that is asked for; one that is damaged does not hide the next."""
    parser = Parser(verb="verify_run", doc=__doc__)
    parser.add_argument("run", nargs="*", metavar="RUN", help="a run's folder, or its name")
    parser.add_argument("--all", action="store_true", help="every finished run of --runs")
    parser.add_argument("--runs", type=Path, default=None, metavar="DIR", help="default: data/server_runs")
    options = parser.parse_args(argv)
    runs_dir: Path = options.runs or paths.data_dir() / "server_runs"
    wanted = [find_run(name, runs_dir) for name in options.run]
    if not wanted:
        finished = finished_runs(runs_dir)
        wanted = finished if options.all else finished[-1:]
    if not wanted:
        raise MissingInputError(f"no finished run in '{runs_dir}'")
    failed = [error for path in wanted if (error := _verified(path))]
    if failed:
        raise failed[0]
    return 0


def _verified(path: Path) -> NightdeskError | None:
    """What is wrong with a run, after each difference has been printed; None when it is whole."""
    try:
        problems = sealed.verify(path)
    except NightdeskError as error:
        print(f"{path.name}: {error}")
        return error
    for problem in problems:
        print(f"{path.name}: {problem}")
    if problems:
        return BadDataError(f"'{path}' differs from its manifest: {len(problems)} differences, {problems[0]}")
    print(f"{path.name}: every file is as in its manifest")
    return None


if __name__ == "__main__":
    sys.exit(run(main))
