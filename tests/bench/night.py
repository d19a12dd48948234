"""A whole night on a market of fetched bars: from the board of the day to index.html and manifest, and a warm scan.

All shares of KRX with ten years each, made up so that they end at the board's closes; the day after is fetched from
fakemarket. On the clock, and in processor seconds, as a night works at two steps at a time; the peak is the greatest of
any of its processes. `python -m tests.bench.night 30 300` has desks of so many shares instead.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench.board import THURSDAY_S
from tests.bench.ingest import Rehearsal, Took, rehearsal

DAY_S, LIMIT = 86_400, 16.0
FILL = """
import datetime as dt, numpy as np
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.desk.listings import write_listing
from pyjobs.market.providers.asking.retry_budget import retry_budget
from pyjobs.market.providers.krx_stock import KrxStock, ask_boards
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe.boards import listing_of
from tests.bench.made_up_market import BARS, LAST, walk
from utils import paths, trading_day
asked = [(board, dt.date.fromisoformat(LAST)) for board in ("KOSPI", "KOSDAQ")]
days = [day for _, day in ask_boards(KrxStock(), asked, states=ProviderStates(), budget=retry_budget())]
write_listing("KRX", asked[0][1], listing_of(days))
store = BarStore(paths.data_dir() / "raw")
closes = [s.close_utc_s * 1000 for s in trading_day.load("XKRX").sessions() if s.date.isoformat() <= LAST][-BARS:]
for number, row in enumerate(row for day in days for row in day.rows.values()):
    key = SeriesKey(exchange="KRX", symbol=row.symbol, timeframe="1d")
    bars = walk(np.array(closes, np.int64), number)
    scale = row.close / bars.close[-1]
    won = {name: np.maximum(np.round(getattr(bars, name) * scale), 1.0) for name in ("open", "high", "low", "close")}
    bars = Bars(ts_ms=bars.ts_ms, volume=bars.volume * 1e4, **won)
    store.write(key, bars, provider="krx_stock", fetched_at_ms=1, adjusted="raw", last_final=True)
"""
DESK = """
name: bench
market: XKRX
dumps: none
accounts:
  main: {currency: KRW, cash: 10000000, max_positions: 5, max_weight: 0.2}
setups: {breakout: {}, breakout_20: {}, ma_cross: {}, pullback_ma200: {}, rsi_reversion: {}}
universe:
  - {exchange: KRX, timeframe: 1d, WHICH}
"""
ALL = "listing: [KOSPI, KOSDAQ]"


def main() -> None:
    sizes = [int(text) for text in sys.argv[1:]] or [0]
    with rehearsal() as world:
        world.env |= {"KRX_ID": "fake-user", "KRX_PW": "fake-password"}
        world.at(THURSDAY_S)
        world.run(sys.executable, "-c", FILL)
        symbols = sorted(folder.name for folder in (world.home / "data/raw/KRX").iterdir())
        print(f"{'a night of fetched daily series x 2520':42}{'wall s':>9}{'cpu s':>9}{'peak MB':>9}")
        for number, size in enumerate(sizes):
            desk = world.home / f"desk{number}.yaml"
            which = f"symbols: {json.dumps(symbols[:size])}" if size else ALL
            desk.write_text(DESK.replace("WHICH", which).replace("name: bench", f"name: bench{number}"))
            a_night(world, desk, size or len(symbols))


def a_night(world: Rehearsal, desk: Path, size: int) -> None:
    """A scan on the evening before, again and again, and the night after."""
    scan = [sys.executable, "-m", "pyjobs.scan", "--desk", str(desk)]
    world.at(THURSDAY_S)
    world.run(*scan)
    warm = min((world.run(*scan) for _ in range(3)), key=lambda took: took.cpu_s)
    world.at(THURSDAY_S + DAY_S)
    night = world.run(sys.executable, "-m", "pyjobs.nightly", "--desk", str(desk))
    tell(f"scan of {size}, warm", warm, "")
    ratio = f"{night.wall_s / warm.wall_s:.2f} x the warm scan, {night.cpu_s / warm.cpu_s:.2f} x in processor seconds"
    tell("the night after", night, f"{ratio}, asked <= {LIMIT:g} x and 1 GB")


def tell(name: str, took: Took, note: str) -> None:
    print(f"{name:42}{took.wall_s:9.2f}{took.cpu_s:9.2f}{took.peak_mb:9.0f}  {note}")


if __name__ == "__main__":
    main()
