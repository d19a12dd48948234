"""Compare two backtests: SAME, or DRIFT with the first field and trade that differ and which input changed.

With --strategy, B is its latest run and A the one before, by the timestamp in their names (never by mtime). A missing
manifest is filled in first. SAME and DRIFT both exit 0; a drift exits --drift-rc when that is given.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyjobs.runs.backtests import backtest_folder
from pyjobs.runs.backtests.compare import compare
from pyjobs.runs.run_folder import MANIFEST
from utils import clock
from utils.cli import Parser
from utils.errors import CannotWriteError, MissingInputError, UsageError
from utils.exit_codes import ExitCode
from utils.files import atomic
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Find A and B, compare, print, and write --log; see the module."""
    parser = Parser(verb="compare_runs", doc=__doc__)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="two run folders, A and B")
    parser.add_argument("--strategy", metavar="NAME", help="compare this strategy's two latest runs instead")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where the runs are (default: backtests)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write the report there, too")
    parser.add_argument("--drift-rc", type=int, default=0, metavar="N", help="exit code for DRIFT (default 0)")
    args = parser.parse_args(argv)
    if bool(args.strategy) == bool(args.runs) or len(args.runs) not in (0, 2):
        raise UsageError("give two run folders, or --strategy NAME")
    folder = args.root or backtest_folder.backtests_dir()
    pair = args.runs or _latest(folder, args.strategy)
    notes = [note for path in pair for note in fill_in(path)]
    if len(pair) < 2:
        lines = [f"[compare] nothing to compare: {len(pair)} run of {args.strategy} in '{folder}'"]
        verdict = "SAME"
    else:
        found = compare(*pair)
        lines, verdict = found.lines(), found.verdict
    text = "\n".join([*lines, *notes]) + "\n"
    sys.stdout.write(text)
    if args.log:
        write_log(args.log, text)
    return args.drift_rc if verdict == "DRIFT" else ExitCode.OK


def _latest(folder: Path, strategy: str) -> list[Path]:
    """The two latest runs that are not from later than now: a clock that ran ahead makes none the latest for months."""
    now = datetime.fromtimestamp(clock.now_s(), UTC)
    runs = backtest_folder.runs_of(folder, strategy, now)
    later = len(backtest_folder.runs_of(folder, strategy)) - len(runs)
    if later:
        text = f"{later} run{'s' if later > 1 else ''} of {strategy} from later than now"
        print(f"[WARN] {text} passed over: is the clock right?")
    return runs[-2:]


def fill_in(path: Path) -> list[str]:
    """Write the manifest of a run that has none; what was done, for the report. Raises MissingInputError."""
    if not path.is_dir():
        raise MissingInputError(f"no run folder at '{path}'")
    if (path / MANIFEST).is_file():
        return []
    from pyjobs.runs import manifest  # only a run without a manifest pays for this
    from pyjobs.runs.backtests import backtest_manifest  # only a run without a manifest pays for this

    manifest.write(path, backtest_manifest.filled_in(path))
    return [f"note: {path.name} had no {MANIFEST}: filled in from its files, its inputs are not known"]


def write_log(path: Path, text: str) -> None:
    """The newest comparison of the day, whole or not at all. Raises CannotWriteError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(path, text)
    except OSError as error:
        raise CannotWriteError(f"cannot write '{path}': {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(run(main))
