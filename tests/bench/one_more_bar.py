"""`python -m tests.bench.one_more_bar HOME`: the day after: one bar more for every series of `HOME/data/raw/BENCH`."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.market.store.bar_store import BarStore
from utils import trading_day


def main(home: Path) -> None:
    store, calendar = BarStore(home / "data/raw", locks=home / ".locks"), trading_day.load("XKRX")
    keys = [key for key in store.series() if key.exchange == "BENCH"]
    newest = max(last[0] for key in keys[:1] if (last := store.newest(key)))
    today = calendar.last_closed_session(newest / 1000).date
    after = next(s for s in calendar.sessions_between(today, today + dt.timedelta(days=14)) if s.date > today)
    one, ts_ms = np.array([100.0]), np.array([after.close_utc_s * 1000])
    bar = Bars(ts_ms=ts_ms, open=one, high=one, low=one, close=one, volume=one)
    for key in keys:
        store.write(key, bar, provider="b", fetched_at_ms=2, adjusted="raw", last_final=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
