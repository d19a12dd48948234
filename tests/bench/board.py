"""A session of all KRX's shares, a whole process: asked of fakemarket, checked against the session before, stored.

2 700 series that hold their year so far. The floor is a process that writes as many files of that size, synced, and
asks nobody.
"""

from __future__ import annotations

import json
import sys
import urllib.request

from tests.bench.ingest import Rehearsal, Took, rehearsal

ASKED_S, ROUNDS = 10.0, 3
THURSDAY_S = 1_795_086_000  # 2026-11-19T11:00Z, 20:00 in Seoul
YEAR = """
import datetime as dt, numpy as np
from pyjobs.market.bars import Bars
from pyjobs.market.calendars.hours import hours_of
hours = hours_of("XKRX")
year = hours.sessions_in(dt.date(2026, 1, 1).toordinal(), dt.date(2026, 11, 19).toordinal())
closes = np.array([hours.close_ms(each) for each in year], np.int64)
price = 1_000 + np.arange(len(closes), dtype=np.float64)
bars = Bars(ts_ms=closes, open=price, high=price, low=price, close=price, volume=price)
"""
ASK = """
import datetime as dt, sys
from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.listings import write_listing
from pyjobs.market.providers.ask import patience
from pyjobs.market.providers.krx_stock import KrxStock, ask_boards
from pyjobs.market.providers.state import StateBook
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import base_changes, before_of_listing
from pyjobs.market.universe.boards import listing_of, store_board
from utils import paths
session = dt.date.fromisoformat(sys.argv[1])
asked = [(board, session) for board in ("KOSPI", "KOSDAQ")]
days = [day for _, day in ask_boards(KrxStock(), asked, book=StateBook(), patience=patience())]
store, stored = BarStore(paths.data_dir() / "raw"), 0
keys = [[SeriesKey(exchange="KRX", symbol=row, timeframe="1d") for row in day.rows] for day in days]
"""
FILL = (
    f"{ASK}{YEAR}"
    """
for key in sum(keys, []):
    store.write(key, bars, provider="krx_stock", fetched_at_ms=1, adjusted="raw", last_final=True)
write_listing("KRX", session, listing_of(days))
"""
)
STORE = (
    f"{ASK}"
    """
from pyjobs.market.desk.listings import read_listing, sessions_kept
before = before_of_listing(read_listing("KRX", max(day for day in sessions_kept("KRX") if day < session)))
keep_changes("KRX", base_changes(before, days))
for day, wanted in zip(days, keys):
    told = store_board(store, day, wanted)
    assert not told.failed and not told.absent
    stored += len(told.stored) + len(told.same)
write_listing("KRX", session, listing_of(days))
assert stored > 2_600, stored
"""
)
FLOOR = (
    f"{YEAR}"
    """
import sys
from pathlib import Path
import numpy, pyarrow.parquet
from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.partitions import Partition, Provenance, encoded
from utils.atomic import write_bytes
folder = Path(sys.argv[1]); folder.mkdir(exist_ok=True)
provenance = Provenance(provider="p", fetched_at_ms=1, adjusted="raw", last_final=True)
for number in range(2_700):
    key = SeriesKey(exchange="KRX", symbol=f"{number:06d}", timeframe="1d")
    write_bytes(folder / key.symbol, encoded(key, Partition(bars=bars, provenance=provenance)))
"""
)


def requests_for_data(world: Rehearsal) -> int:
    """How many requests for data, the login's left out, KRX has had so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{world.port}/__control/requests?provider=krx") as answer:
        return sum("getJsonData" in one["path"] for one in json.load(answer))


def measured(world: Rehearsal) -> tuple[list[Took], list[Took], int]:
    """Rounds of the session, each of another home's store as it was, rounds of the floor, and requests of a round."""
    world.env |= {"KRX_ID": "fake-user", "KRX_PW": "fake-password", "RETRY_BUDGET_S": "600"}
    took, floor, asked = [], [], 0
    for day, session in enumerate(("2026-11-19", "2026-11-20", "2026-11-23", "2026-11-24")[: ROUNDS + 1]):
        world.at(THURSDAY_S + 86_400 * (day if day < 2 else day + 2))
        before = requests_for_data(world)
        run = world.run(sys.executable, "-c", STORE if day else FILL, session)
        if day:
            took.append(run)
            asked = requests_for_data(world) - before
            floor.append(world.run(sys.executable, "-c", FLOOR, str(world.home / "floor")))
    return took, floor, asked


def main() -> None:
    with rehearsal() as world:
        took, floor, asked = measured(world)
    print(f"a session of 2 700 KRX shares, whole processes; seconds, of {ROUNDS} rounds; {asked} requests (asked: 2)")
    print(f"{'':26}{'asked':>9}{'fastest':>9}{'median':>9}{'processor':>11}{'peak MB':>9}")
    for name, runs, limit in (("asked, checked, stored", took, f"{ASKED_S:9.1f}"), ("its floor", floor, " " * 9)):
        walls = sorted(run.wall_s for run in runs)
        cpu, peak = min(run.cpu_s for run in runs), max(run.peak_mb for run in runs)
        print(f"{name:26}{limit}{walls[0]:9.2f}{walls[len(walls) // 2]:9.2f}{cpu:11.2f}{peak:9.0f}")


if __name__ == "__main__":
    main()
