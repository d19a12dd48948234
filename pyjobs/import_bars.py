"""Bring the dumps of a desk into the bar store, and list what was wrong with them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from utils import clock, paths
from utils.cli import Parser
from utils.errors import MissingInputError, UsageError
from utils.exit_codes import ExitCode
from utils.run import run

if TYPE_CHECKING:
    from pyjobs.market.desk.desk_file import Desk


def main(argv: Sequence[str] | None = None) -> int:
    """Import every instrument of the desk. A bad file does not hide the others; the exit code is the worst one's."""
    parser = Parser(verb="import_bars", doc=__doc__)
    parser.add_desk()
    parser.add_argument("--dumps", metavar="DIR", type=Path, help="folder of the dumps, instead of the desk's own")
    parser.add_argument("--out", metavar="RUNDIR", type=Path, help="run folder: also write reports/data.json there")
    parser.add_argument("--explain", metavar="FILE", type=Path, help="print what FILE is taken for; write nothing")
    parser.add_argument("--symbol", metavar="SYMBOL", help="with --explain: as which instrument of the desk it is read")
    args = parser.parse_args(argv)
    if args.symbol is not None and args.explain is None:
        raise UsageError("--symbol goes with --explain FILE")
    if args.out is not None and not args.out.is_dir():
        raise UsageError(f"--out {args.out}: there is no such folder")

    from pyjobs.account.desk.desk_setups import check_setups
    from pyjobs.market.desk.desk_file import load_desk
    from pyjobs.market.desks import desk_path, flag_for
    from pyjobs.market.dumps.import_desk import import_desk
    from pyjobs.market.dumps.report import report_json, report_text
    from pyjobs.market.store.open_store import open_store
    from utils.files.atomic import write_text
    from utils.files.in_time import within
    from utils.files.text_files import PATIENCE_S

    path = desk_path(args.desk, paths.config_dir())
    desk = load_desk(path)
    check_setups(desk.setups, source=str(path))
    if args.explain is not None:
        return _explain(desk, args.explain, args.symbol)
    if not any(instrument.file for instrument in desk.instruments):
        named = flag_for(path, paths.config_dir())
        print(f"desk {desk.name}: no instrument has a file; its bars are fetched: python -m pyjobs.fetch{named}")
        return ExitCode.OK
    dumps = args.dumps or paths.root() / desk.dumps
    if not within(PATIENCE_S, dumps.is_dir, dumps):
        raise MissingInputError(f"{dumps}: no such folder of dumps (desk {desk.name}: `dumps`, or --dumps DIR)")
    results = import_desk(desk, dumps, open_store(), now_ms=clock.now_ms(), progress=_progress)
    if args.out:
        write_text(args.out / "reports" / "data.json", report_json(desk, results))
    print(report_text(desk, results))
    return max((result.exit_code for result in results), default=ExitCode.OK)


def _explain(desk: Desk, file: Path, symbol: str | None) -> int:
    from pyjobs.market.dumps.explain import explained, instrument_for
    from pyjobs.market.dumps.identity.symbols import spelt
    from pyjobs.market.dumps.import_desk import splits_of

    instrument = instrument_for(desk, file, symbol)
    splits = splits_of(desk, paths.root() / desk.dumps).get(instrument.symbol)
    others = spelt(each.symbol for each in desk.instruments)
    lines, error = explained(file, instrument, now_ms=clock.now_ms(), splits=splits, others=others)
    print("\n".join(lines))
    return error.exit_code if error else ExitCode.OK


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run(main))
