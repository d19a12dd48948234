"""What the tests of fx share."""

from __future__ import annotations

import datetime as dt

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.market.desk.desk_file import Account, Desk, Instrument
from pyjobs.market.desk.snapshot import Series, Snapshot
from utils import trading_day

DAY = 86_400_000
HOUR = 3_600_000
INSTRUMENTS = (
    ("HOME1", "XKRX", "KRW", 50_000.0, "trade", ""),
    ("HOME2", "XKRX", "KRW", 8_000.0, "trade", ""),
    ("YANK1", "XNYS", "USD", 120.0, "trade", ""),
    ("YANK2", "XNYS", "USD", 35.0, "trade", ""),
    ("NIPPON", "XTKS", "JPY", 2_500.0, "trade", ""),
    ("USDKRW", "FX", "KRW", 1_150.0, "fx", "USD"),
    ("KRWJPY", "FX", "JPY", 0.095, "fx", "KRW"),
)
SESSION = dt.date(2019, 12, 30)


def made(market: str, price: float, seed: int, first: str = "2018-01-02") -> Bars:
    sessions = [s for s in trading_day.load(market).sessions() if first <= s.date.isoformat() <= "2019-12-31"]
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(0.0005, 0.015, len(sessions))))
    start = np.concatenate((close[:1], close[:-1])) * np.exp(rng.normal(0, 0.005, close.size))
    high, low = np.maximum(start, close) * 1.004, np.minimum(start, close) * 0.996
    ts_ms = np.array([s.close_utc_s * 1000 for s in sessions], np.int64)
    return Bars(ts_ms=ts_ms, open=start, high=high, low=low, close=close, volume=np.ones(close.size))


def desk_of(account: Account, changed: dict[str, Bars] | None = None) -> Snapshot:
    instruments = [
        Instrument(symbol=s, exchange="X", market=m, timeframe="1d", file="f", currency=c, role=r, base=b)  # type: ignore[arg-type]
        for s, m, c, _, r, b in INSTRUMENTS
    ]
    desk = Desk(name="d", market="XKRX", dumps="", accounts={"world": account}, instruments=instruments, setups={})
    session = trading_day.load("XKRX").session(SESSION)
    assert session is not None
    asof = session.close_utc_s * 1000
    series = []
    for seed, (instrument, row) in enumerate(zip(instruments, INSTRUMENTS, strict=True)):
        bars = ((changed or {}).get(row[0]) or made(row[1], row[3], seed)).until(asof)
        series.append(Series(instrument=instrument, bars=bars, last_session=SESSION, stale=False))
    return Snapshot(desk=desk, session=SESSION, asof_ts_ms=asof, series=tuple(series))


WORLD = Account(
    currency="KRW", cash=1e8, max_positions=3, max_weight=0.3, fee_bps=5, sell_tax_bps=25, stop_loss=0.04,
    slippage_bps=3, borrow_bps=200, trades=["USD", "JPY"], fx_bps=20,
)  # fmt: skip
