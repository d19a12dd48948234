"""What the tests of failing disk share."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pyjobs.market.bars import SeriesKey
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.killing import Ended, Home

BTC = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe="1m")
ONE = ["--symbol", "BTCUSD", "--timeframe", "1m"]
RANGE = ["ingest", *ONE, "--start", "2026-11-18T12:00"]
RESUME = ["ingest", *ONE, "--resume"]
WIDE = 'exchanges:\n  BITFINEX: {provider: bitfinex, market: "24/7", page_bars: 10000}\n'
SAID = re.compile(r"(?:[\w-]+: )+cannot (read or )?write '(?P<file>[^']+)': (?P<why>[^;]+); (?P<cure>.+)\n")


def wide_home(fake: FakeMarket, folder: Path) -> Home:
    home = Home(fake, folder)
    (folder / "secret/exchanges.yaml").write_text(WIDE)
    return home


def half_a_day(home: Home) -> None:
    assert home.run(["ingest", *ONE, "--start", "2026-11-18T12:00", "--end", "2026-11-19T12:00"]).code == 0


def told(ended: Ended, cause: int) -> str:
    """The file that the one line of the message names, with the right cause, a cure, and no temporary name."""
    assert ended.code == 73, ended
    lines = (ended.said + ended.errors).splitlines(keepends=True)  # there may be lines about the progress
    said = next(filter(None, map(SAID.fullmatch, reversed(lines))), None)
    assert said, ended
    assert said["why"] == os.strerror(cause) and ".tmp-" not in said["file"] and "start it again" in said["cure"]
    return said["file"]
