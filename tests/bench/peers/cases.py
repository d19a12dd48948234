"""Markets and orders that other engines are asked about, and how to ask them.

`python -m tests.bench.peers.cases` records the answers. A case is JSON: `ohlc` rows, bars of `entry`, `exit` and
perhaps `short_entry` and `short_exit`, and `stop_loss`, `target`, `trail` (fractions), `stop_distance` (per bar) or
`fee`. An answer is a list of trades, see `Row`.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv-peers/bin/python"
RECORDED = ROOT / "tests/strategy/peers.json"
SCRIPTS = {"vectorbt": "with_vectorbt.py", "backtesting_py": "with_backtesting.py"}
ABSENT = "not installed: make bench-peers"
Case = dict[str, Any]


class Row(NamedTuple):
    """A trade as an engine reports it; bars from 0. An open one ends at the last close, or at None."""

    side: str
    entry_bar: int
    entry_price: float
    exit_bar: int | None
    exit_price: float | None
    gain: float | None
    still_open: bool


def walk(seed: int, n: int) -> Any:
    """n bars of made-up open, high, low, close with gaps, to the cent."""
    rng = np.random.default_rng(seed)
    gap = 0.006 * rng.standard_normal(n) * (1 + 5 * (rng.random(n) < 0.08))
    inside = 0.0005 + 0.015 * rng.standard_normal(n)
    level = np.cumsum(gap + inside)
    close, opening = 100 * np.exp(level), 100 * np.exp(level - inside)
    high = np.maximum(opening, close) * np.exp(np.abs(0.008 * rng.standard_normal(n)))
    low = np.minimum(opening, close) * np.exp(-np.abs(0.008 * rng.standard_normal(n)))
    return np.round(np.stack([opening, high, low, close], axis=1), 2)


def cases(seed: int, n: int) -> dict[str, Case]:
    """One market, its average of 3 closes crossing that of 8, and every convention that has a name in SEMANTICS.md."""
    prices = walk(seed, n)
    close = prices[:, 3]
    fast, slow = (np.convolve(close, np.ones(k) / k)[:n] for k in (3, 8))
    above = np.where(np.arange(n) < 8, False, fast > slow + 1e-9)  # no tie is decided by rounding
    up, down = (np.flatnonzero(np.diff(above.astype(int), prepend=0) == way).tolist() for way in (1, -1))
    rare = [bar for i, bar in enumerate(down) if i % 3 == 0]
    long = {"ohlc": prices.tolist(), "entry": up, "exit": down}
    held = {**long, "exit": rare}
    both = {**long, "short_entry": down, "short_exit": up}
    distance = np.round(0.02 * close, 2).tolist()
    return {
        "signals alone": long,
        "stop": {**long, "stop_loss": 0.03},
        "stop and fee": {**long, "stop_loss": 0.03, "fee": 0.001},
        "stop by distance": {**held, "stop_distance": distance},
        "stop and target": {**held, "stop_loss": 0.03, "target": 0.04},
        "both within one bar": {**held, "stop_loss": 0.01, "target": 0.01},
        "trailing stop": {**held, "trail": 0.04},
        "both sides": {**both, "fee": 0.001},
        "both sides, stop": {**both, "stop_loss": 0.02},
        "both sides, both within one bar": {**both, "stop_loss": 0.01, "target": 0.01},
        "both sides, trailing stop": {**both, "trail": 0.03},
    }


def ask(semantics: str, asked: list[Case]) -> tuple[str, list[list[Row]]]:
    """(engine and version, its trades for each case)."""
    script = Path(__file__).parent / SCRIPTS[semantics]
    done = subprocess.run([PYTHON, script, "cases"], input=json.dumps(asked), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    told = json.loads(done.stdout)
    return told["engine"], [[Row(*row) for row in rows] for rows in told["trades"]]


def record(seeds: tuple[int, ...] = (1, 2), n: int = 160) -> dict[str, Any]:
    """What RECORDED holds: the cases and every engine's answer."""
    named = {f"{name}, market {seed}": case for seed in seeds for name, case in cases(seed, n).items()}
    answers = {semantics: ask(semantics, list(named.values())) for semantics in SCRIPTS}
    return {
        "made_by": "python -m tests.bench.peers.cases, engines as pinned in requirements-peers.txt",
        "made_on": dt.datetime.now(dt.UTC).date().isoformat(),
        "engines": {semantics: engine for semantics, (engine, _) in answers.items()},
        "markets": {f"market {seed}": walk(seed, n).tolist() for seed in seeds},
        "cases": {
            name: {**case, "ohlc": None, "answers": {semantics: rows[i] for semantics, (_, rows) in answers.items()}}
            for i, (name, case) in enumerate(named.items())
        },
    }


def recorded() -> dict[str, Case]:
    """The cases of RECORDED, each with its market's prices and `answers` by semantics."""
    told = json.loads(RECORDED.read_text())
    return {name: {**case, "ohlc": told["markets"][name.split(", ")[-1]]} for name, case in told["cases"].items()}


if __name__ == "__main__":
    text = json.dumps(record())
    RECORDED.write_text(text.replace(': {"', ':\n{"').replace("]]}}, ", "]]}},\n") + "\n")
    print(f"{RECORDED}: {RECORDED.stat().st_size} bytes")
