"""Compile config/calendars/*.tsv from exchange_calendars and overlay.yaml (at build time, never on the NAS).

The result is committed; bash and Python read it without time zone data. `--check` writes nothing and exits 78 when
the committed files are not what a fresh build gives. Overlay entries the library has right by now are warned about.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from pyjobs.market.calendars import build as calendar_build
from pyjobs.market.times import utc_text
from utils import clock, paths
from utils.cli import Parser
from utils.errors import ConfigError, UsageError
from utils.files import atomic
from utils.run import run
from utils.trading_day import file_stem


def main(argv: Sequence[str] | None = None) -> int:
    """Build every market of the overlay, then write the files or compare them."""
    parser = Parser(verb="build_calendars", doc=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the files there are, write nothing")
    parser.add_argument(
        "--folder", type=Path, default=paths.config_dir() / "calendars", help="where overlay.yaml is and the files go"
    )
    parser.add_argument("--add", metavar="MARKET", help="add a market of exchange_calendars to the overlay first")
    args = parser.parse_args(argv)
    if args.add:
        add(args.add, args.folder / "overlay.yaml")
    overlay = calendar_build.load_overlay(args.folder / "overlay.yaml")
    texts: dict[Path, str] = {}
    for market, corrections in overlay.markets.items():
        covers = overlay.covers_of(market)
        schedule = calendar_build.read_library(market, covers)
        compiled = calendar_build.compile_market(market, schedule, corrections, covers)
        texts[args.folder / f"{file_stem(market)}.tsv"] = compiled.text
        print(summary(market, compiled, corrections, covers))
        for what in compiled.redundant:
            print(f"[WARN] overlay.yaml: redundant: {what}", file=sys.stderr)
    if args.check:
        check(texts)
    else:
        for path, text in texts.items():
            atomic.write_text(path, text)
    return 0


def add(market: str, path: Path) -> None:
    """Add a market of the library, with the library's rules, to the end of the overlay.

    Raises UsageError for one that the library does not know, or that is there already.
    """
    overlay = calendar_build.load_overlay(path)
    if market in overlay.markets:
        raise UsageError(f"--add {market}: {path} has it")
    last, clock_year = calendar_build.last_known(market, overlay.covers), int(utc_text(clock.now_ms())[:4])
    lines = [
        f"  {market}:",
        "    # As exchange_calendars has it; not checked. `reasons`: why its half days are what they are, by month.",
        f"    published_to: {min(last, dt.date(clock_year, 12, 31))}",
        *([f"    last: {last}"] if last < overlay.covers.last else []),
        "    reasons: {0: hours of that day in exchange_calendars}",
    ]
    atomic.write_text(path, path.read_text(encoding="utf-8").rstrip("\n") + "\n\n" + "\n".join(lines) + "\n")


def summary(
    market: str,
    compiled: calendar_build.Compiled,
    corrections: calendar_build.MarketOverlay,
    covers: calendar_build.Covers,
) -> str:
    """One line about one market."""
    line = (
        f"{market:5} {covers.first}..{covers.last}: {compiled.sessions} sessions, "
        f"{compiled.special} with special hours, {compiled.corrected} corrected by the overlay"
    )
    if corrections.published_to < covers.last:
        line += f"; a projection after {corrections.published_to}"
    return line


def check(texts: dict[Path, str]) -> None:
    """Raise ConfigError naming the first line in which a file differs from its fresh text."""
    for path, text in texts.items():
        there = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        for number, (old, new) in enumerate(zip_longest(there, text.split("\n")), 1):
            if old != new:
                raise ConfigError(
                    f"{path}:{number}: has {old!r}, a fresh build gives {new!r}; run: python -m pyjobs.build_calendars"
                )


if __name__ == "__main__":
    sys.exit(run(main))
