"""Keep a run from every prune: with a reason, for ever or until a date. Without a RUN: list what is pinned.

RUN is a run's folder, or its name in data/server_runs, data/server_runs_remote or backtests. A pin that ends keeps its
run until two later dates have good runs: no clock is asked. --unpin takes it away at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.runs import pins
from pyjobs.runs.pins import Pin
from pyjobs.runs.run_folder import find_run, run_places
from utils import paths
from utils.cli import Parser
from utils.errors import UsageError
from utils.files import os_files
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Pin, unpin, or list."""
    parser = Parser(verb="pin_run", doc=__doc__)
    parser.add_argument("run", nargs="*", metavar="RUN", help="a run's folder, or its name")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why it is kept; needed to pin")
    parser.add_argument("--until", default="", metavar="DATE", help="the last date it is kept for; default: for ever")
    parser.add_argument("--unpin", action="store_true", help="take the pin away")
    options = parser.parse_args(argv)
    if not options.run:
        if options.reason or options.until or options.unpin:
            raise UsageError("which run? Name it (`ls data/server_runs`)")
        return _listed()
    if options.unpin == bool(options.reason):
        raise UsageError("either --reason TEXT, to pin, or --unpin")
    found = [find_run(name, paths.data_dir() / "server_runs") for name in options.run]
    for path in found:
        if options.unpin:
            print(f"{path.name}: {'no longer pinned' if pins.take_away(path) else 'was not pinned'}")
        else:
            pins.put(path, Pin(options.reason, options.until))
            print(f"{path.name}: pinned {'until ' + options.until if options.until else 'for ever'}: {options.reason}")
    return 0


def _listed() -> int:
    known = [path for place in run_places() for path in _inside(place)]
    pinned = [(path, pin) for path in known if path.is_dir() and (pin := pins.read(path))]
    for path, pin in pinned:
        print(f"{path.name}  {'until ' + pin.until if pin.until else 'for ever'}  {pin.reason}".rstrip())
    print(f"{len(pinned)} pinned")
    return 0


def _inside(place: Path) -> list[Path]:
    os_files.must_answer(place)
    return sorted(place.iterdir()) if place.is_dir() else []


if __name__ == "__main__":
    sys.exit(run(main))
