"""Compile config/calendars/*.tsv from exchange_calendars and overlay.yaml (at build time, never on the NAS).

The result is committed; bash and Python read it without time zone data. `--check` writes nothing and exits 78 when
the committed files are not what a fresh build gives. Overlay entries the library has right by now are warned about.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from pyjobs.market.calendars import build as calendar_build
from utils import atomic, paths
from utils.cli import Parser
from utils.errors import ConfigError
from utils.run import run
from utils.trading_day import file_stem


def main(argv: Sequence[str] | None = None) -> int:
    """Build every market of the overlay, then write the files or compare them."""
    parser = Parser(verb="build_calendars", doc=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the files there are, write nothing")
    parser.add_argument(
        "--folder", type=Path, default=paths.config_dir() / "calendars", help="where overlay.yaml is and the files go"
    )
    args = parser.parse_args(argv)
    overlay = calendar_build.load_overlay(args.folder / "overlay.yaml")
    texts: dict[Path, str] = {}
    for market, corrections in overlay.markets.items():
        schedule = calendar_build.read_library(market, overlay.covers)
        compiled = calendar_build.compile_market(market, schedule, corrections, overlay.covers)
        texts[args.folder / f"{file_stem(market)}.tsv"] = compiled.text
        print(summary(market, compiled, corrections, overlay.covers))
        for what in compiled.redundant:
            print(f"[WARN] overlay.yaml: redundant: {what}", file=sys.stderr)
    if args.check:
        check(texts)
    else:
        for path, text in texts.items():
            atomic.write_text(path, text)
    return 0


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
