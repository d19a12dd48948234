"""Take in the bars that another machine has pushed: verified, then added; nothing that is stored here is changed.

push_data starts it over ssh; by hand it takes what lies in data/incoming/. Exit 65: a series was refused, or a push
differs from its manifest; the others are taken. Safe to run twice.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyjobs.runs import sealed
from pyjobs.runs.run_folder import MANIFEST
from utils import paths
from utils.cli import Parser
from utils.errors import BadDataError, MissingInputError
from utils.files import formats
from utils.files.os_files import has_file, matching
from utils.run import run

if TYPE_CHECKING:
    from pyjobs.market.store.arrivals import Arrival

SHOWN = 20  # of more series only those with news are named


def main(argv: Sequence[str] | None = None) -> int:
    """Verify each push that has arrived whole, add its bars, remove it, print the result for each series."""
    parser = Parser(verb="take_data", doc=__doc__)
    parser.add_argument(
        "--list", action="store_true", help="print the sha256 and name of each stored partition; no more"
    )
    parser.add_argument("--push", metavar="ID", default="", help="one folder of data/incoming/; default: all")
    args = parser.parse_args(argv)
    raw = paths.bars_dir()
    if args.list:
        for name in _partitions(raw):
            try:
                print(sealed.fingerprint(raw / name)["sha256"], name)
            except OSError as error:
                print(f"'{raw / name}' cannot be read: {error.strerror}", file=sys.stderr)
        return 0
    problems: list[str] = []
    for push in _pushes(args.push):
        try:
            problems += _taken(raw, push)
        except BadDataError as error:  # the other pushes are taken
            problems.append(str(error))
    if problems:
        raise BadDataError(f"{len(problems)} not taken: {'; '.join(problems[:3])}")
    return 0


def _partitions(root: Path) -> list[str]:
    """Names below `root`, sorted."""
    return [path.relative_to(root).as_posix() for path in matching(root, "*/*/*/*.parquet") if has_file(path)]


def _pushes(wanted: str) -> list[Path]:
    """The pushes that have arrived; raises MissingInputError where the one that is named has not."""
    incoming = paths.data_dir() / "incoming"
    if wanted and not (incoming / Path(wanted).name / MANIFEST).exists():
        raise MissingInputError(f"'{incoming / Path(wanted).name}' has no {MANIFEST}: push it again")
    found = [path for path in matching(incoming, f"*/{MANIFEST}") if has_file(path)]
    return [path.parent for path in found if wanted in ("", path.parent.name)]


def _taken(raw: Path, push: Path) -> list[str]:
    """What was not taken of a push, a line each; its folder is removed unless it is damaged."""
    from pyjobs.market.store.arrivals import take
    from pyjobs.market.store.bar_store import BarStore

    wrong = sealed.verify(push)
    if wrong:
        return [f"'{push}' differs from its manifest: {wrong[0]}: push it again"]
    theirs, ours = sealed.read(push).get("format", formats.FIRST), formats.settled(str(raw.parent.parent))
    if theirs != ours:
        return [f"'{push}' has format {theirs}, what is stored here {ours}: the same version on both, then push again"]
    store, arrived = BarStore(raw), BarStore(push / "raw")
    found = [take(store, arrived, key) for key in arrived.series()]
    print(_table(found), end="")
    (push / MANIFEST).unlink()  # before the rest: what a kill leaves is no push that has arrived damaged
    shutil.rmtree(push)
    return [f"{each.key}: {each.refused}" for each in found if each.refused]


def _table(found: Sequence[Arrival]) -> str:
    from utils.tables import Column, text_table

    shown = found if len(found) <= SHOWN else [each for each in found if each.refused or each.kept]
    rows = [
        [str(one.key), "", "", "", f"not taken: {one.refused}"]
        if one.refused
        else [str(one.key), f"{one.added:,}", f"{one.same:,}", f"{one.kept:,}", ""]
        for one in shown
    ]
    columns = [Column("series"), Column("added", right=True), Column("same", right=True)]
    columns += [Column("kept as here", right=True), Column("note")]
    added = sum(one.added for one in found)
    return (text_table(columns, rows) if rows else "") + f"{len(found)} series arrived, {added:,} bars added\n"


if __name__ == "__main__":
    sys.exit(run(main))
