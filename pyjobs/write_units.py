"""Write systemd user units for the lines of a crontab: the shipped example's, or those that new_desk has printed.

One timer a line, with the same command and the same times, in the zone of the box (--zone names another): ingest and
gap_repair are one for all series. With --enable the timers are started, too.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.market.ingest import bootstrap
from pyjobs.runs import units
from utils import paths, wall_clock
from utils.cli import Parser
from utils.errors import MissingInputError
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Read the crontab, write the units, enable them when asked to."""
    parser = Parser(verb="write_units", doc=__doc__)
    parser.add_argument("--crontab", metavar="FILE", help="- for stdin; default: config/schedule/crontab.example")
    parser.add_argument(
        "--zone", metavar="ZONE", help="the clock of its times; default: the box's clock (example: Seoul's)"
    )
    parser.add_argument("--enable", action="store_true", help="start the timers, now and after every boot")
    parser.add_argument(
        "--live", action="store_true", help="only the service that keeps the paper loops; print its name"
    )
    args = parser.parse_args(argv)
    if args.live:
        print(*units.write(units.live_unit()))  # its name
        return 0
    source = paths.config_dir() / "schedule" / "crontab.example" if args.crontab is None else Path(args.crontab)
    zone = args.zone or ("Asia/Seoul" if args.crontab is None else wall_clock.box_zone())
    wall_clock.zone_of(zone)
    crontab = sys.stdin.read() if args.crontab == "-" else source.read_text("utf-8")
    texts = units.unit_texts(crontab, paths.entrance(), zone)
    if paths.environment():  # a release is never updated: the next one is installed next to it
        texts = {name: text for name, text in texts.items() if "-update-from-git." not in name}
    if not texts:
        raise MissingInputError(f"{args.crontab or source}: no line starts anything in batch/")
    timers = [name for name in units.write(texts) if name.endswith(".timer")]
    print(f"{len(timers)} timers and their services written to {units.folder()}")
    if args.enable:
        bootstrap.enable_timers(timers, units.folder(), say=print)
    else:
        print("\n  ".join(["enable them with:", *map(shlex.join, bootstrap.enabling(timers))]))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
