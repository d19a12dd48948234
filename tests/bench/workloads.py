"""Makes the inputs of WORKLOADS.md, the same bytes of prices on every machine: `make(folder)` writes w1 and w2.

A geometric random walk that also jumps over night, so that an open lands beyond a stop now and then. Prices have four
decimals, so that no copy of them, text or binary, is another price.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

SYMBOLS, DAYS, FIVE_MINUTES = 500, 2_520, 315_360
SHA256 = {
    "w1": "fcb1a7416a017bf331ea3a839a382d516522be4c89c6bcfe7960296ae696d178",
    "w2": "9502f89082a3c4fdefae128540c466da81894959c71544fa5988c53472b7c95e",
}
"""Of open, high, low and close, one after the other, as float64: figures of other machines are of these prices."""


class Walk(NamedTuple):
    """Per bar, in logs: drift and deviation within a bar, deviation between two, share of large jumps, wicks."""

    drift: float
    within: float
    between: float
    jumps: float
    wick: float


def make(folder: Path) -> None:
    """`w1.parquet`: 500 symbols of 2 520 days, by symbol and time; `w2.parquet`: one of 315 360 five-minute bars.

    Columns: symbol (w1 only), ts_ms (a bar's close, UTC), open, high, low, close, volume. Raises ValueError where this
    machine's numpy draws other numbers.
    """
    days = np.busday_offset(np.datetime64("2014-01-02"), np.arange(DAYS), roll="forward").astype("datetime64[ms]")
    w1 = walked(20240101, SYMBOLS, DAYS, Walk(0.0002, 0.015, 0.005, 0.01, 0.006))
    symbols = np.repeat([f"S{number:03d}" for number in range(SYMBOLS)], DAYS)
    write(folder, "w1", np.tile(days.astype(np.int64) + 21 * 3_600_000, SYMBOLS), w1, {"symbol": symbols})
    first = np.datetime64("2021-01-01T00:05", "ms").astype(np.int64)
    w2 = walked(20240202, 1, FIVE_MINUTES, Walk(0.0, 0.0012, 0.0002, 0.002, 0.0006))
    write(folder, "w2", first + 300_000 * np.arange(FIVE_MINUTES), w2, {})


def walked(seed: int, symbols: int, bars: int, how: Walk) -> dict[str, NDArray[np.float64]]:
    """open, high, low, close, volume, each symbols x bars. The order of the draws is part of the definition."""
    rng = np.random.default_rng(seed)
    shape = (symbols, bars)
    within = how.drift + how.within * rng.standard_normal(shape)
    between = how.between * rng.standard_normal(shape)
    between *= 1 + 6 * (rng.random(shape) < how.jumps)
    between[:, 0] = 0
    level = np.log(rng.uniform(20, 200, (symbols, 1))) + np.cumsum(within + between, axis=1)
    close, opened = np.exp(level), np.exp(level - within)
    high = np.maximum(opened, close) * np.exp(np.abs(how.wick * rng.standard_normal(shape)))
    low = np.minimum(opened, close) * np.exp(-np.abs(how.wick * rng.standard_normal(shape)))
    volume = np.round(np.exp(13 + 0.5 * rng.standard_normal(shape)))
    opened, high, low, close = (np.round(each, 4) for each in (opened, high, low, close))
    high, low = np.maximum.reduce([high, opened, close]), np.minimum.reduce([low, opened, close])
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume}


def write(
    folder: Path, name: str, ts_ms: NDArray[np.int64], prices: dict[str, NDArray[np.float64]], more: dict[str, object]
) -> None:
    """One long table. Raises ValueError when its prices are not those of WORKLOADS.md."""
    told = hashlib.sha256(b"".join(prices[each].tobytes() for each in ("open", "high", "low", "close"))).hexdigest()
    if told != SHA256[name]:
        raise ValueError(f"{name}: prices with SHA-256 {told} are not those of WORKLOADS.md ({SHA256[name]})")
    columns = more | {"ts_ms": ts_ms} | {each: values.ravel() for each, values in prices.items()}
    pq.write_table(pa.table(columns), folder / f"{name}.parquet", compression="zstd")
