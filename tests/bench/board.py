"""A session of all KRX's shares, a whole process: `fetch` on a desk of the two boards' listing, against fakemarket.

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
first, last = (dt.date(2026, *day).toordinal() for day in ((1, 1), (11, 19)))
year = [each for each in hours.days.tolist() if first <= each <= last]
closes = np.array([hours.close_ms(each) for each in year], np.int64)
price = 1_000 + np.arange(len(closes), dtype=np.float64)
bars = Bars(ts_ms=closes, open=price, high=price, low=price, close=price, volume=price)
"""
FILL = (
    YEAR
    + """
from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.listings import write_listing
from pyjobs.market.providers.asking.retry_budget import retry_budget
from pyjobs.market.providers.krx_stock import KrxStock, ask_boards
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe.boards import listing_of
from utils import paths
asked = [(board, dt.date(2026, 11, 19)) for board in ("KOSPI", "KOSDAQ")]
days = [day for _, day in ask_boards(KrxStock(), asked, states=ProviderStates(), budget=retry_budget())]
store = BarStore(paths.data_dir() / "raw")
for symbol in (symbol for day in days for symbol in day.rows):
    key = SeriesKey(exchange="KRX", symbol=symbol, timeframe="1d")
    store.write(key, bars, provider="krx_stock", fetched_at_ms=1, adjusted="raw", last_final=True)
write_listing("KRX", asked[0][1], listing_of(days))
"""
)
DESK = """
name: bench
market: XKRX
accounts:
  main: {currency: KRW, cash: 10000000, max_positions: 5, max_weight: 0.2}
setups: {}
universe:
  - {exchange: KRX, timeframe: 1d, listing: [KOSPI, KOSDAQ]}
"""
FLOOR = (
    f"{YEAR}"
    """
import sys
from pathlib import Path
import numpy, pyarrow.parquet
from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.partitions import Partition, Provenance, encoded
from utils.files.atomic import write_bytes
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
    """Rounds of `fetch`, a session later each, rounds of the floor, and the requests of a round."""
    world.env |= {"KRX_ID": "fake-user", "KRX_PW": "fake-password", "RETRY_BUDGET_S": "600"}
    desk = world.home / "desk.yaml"
    desk.write_text(DESK)
    world.at(THURSDAY_S)
    world.run(sys.executable, "-c", FILL)
    took, floor, asked = [], [], 0
    for days_later in (1, 4, 5)[:ROUNDS]:
        world.at(THURSDAY_S + 86_400 * days_later)
        before = requests_for_data(world)
        took.append(world.run(sys.executable, "-m", "pyjobs.fetch", "--desk", str(desk)))
        asked = requests_for_data(world) - before
        floor.append(world.run(sys.executable, "-c", FLOOR, str(world.home / "floor")))
    return took, floor, asked


def main() -> None:
    with rehearsal() as world:
        took, floor, asked = measured(world)
    print(f"a session of 2 700 KRX shares, whole processes; seconds, of {ROUNDS} rounds; {asked} requests (asked: 2)")
    print(f"{'':26}{'asked':>9}{'fastest':>9}{'median':>9}{'processor':>11}{'peak MB':>9}")
    for name, runs, limit in (("fetch, one session", took, f"{ASKED_S:9.1f}"), ("its floor", floor, " " * 9)):
        walls = sorted(run.wall_s for run in runs)
        cpu, peak = min(run.cpu_s for run in runs), max(run.peak_mb for run in runs)
        print(f"{name:26}{limit}{walls[0]:9.2f}{walls[len(walls) // 2]:9.2f}{cpu:11.2f}{peak:9.0f}")


if __name__ == "__main__":
    main()
