"""A home whose shipped verbs are run as processes of their own, against fakemarket, and killed at any moment."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from tests.fakemarket.server import FakeMarket
from utils.run import run

ROOT = Path(__file__).resolve().parents[3]
NOW_S = 1_795_176_000  # 2026-11-20T12:00Z
EXCHANGES = """
exchanges:
  BITFINEX: {provider: bitfinex, market: "24/7", page_bars: 400}
  YAHOO: {provider: yf_etf, market: XNYS, page_bars: 5000}
  YAHOO_FX: {provider: yf_index, market: FX, page_bars: 2000}
"""
"""Small pages, so that a short range is many requests and many commits."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a verb ended: its code (-9: killed), its output, and what became of its standard error."""

    code: int
    said: str
    errors: str


class Home:
    """A NIGHTDESK_HOME of its own. `now_s` is the clock of every verb, and of fakemarket while one runs."""

    def __init__(self, fake: FakeMarket, folder: Path, *, now_s: int = NOW_S) -> None:
        self.fake, self.folder, self.now_s = fake, folder, now_s
        (folder / "secret").mkdir(parents=True, exist_ok=True)
        (folder / "secret/exchanges.yaml").write_text(EXCHANGES)
        self.store = BarStore(folder / "data/raw", locks=folder / ".locks")
        self.extra: dict[str, str] = {}  # environment of the verbs, besides what they need
        self.file_limit: int | None = None  # bytes a file of theirs may have

    def instance(self, symbol: str, timeframe: str, lookback_days: float) -> None:
        folder = self.folder / "config/instances"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{symbol}-{timeframe}.env").write_text(f"CT_LOOKBACK_DAYS={lookback_days}\n")

    def start(self, argv: list[str]) -> subprocess.Popen[str]:
        """The verb, in a process group of its own."""
        self.fake.market.clock.set(self.now_s * 1000)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CT_", "NIGHTDESK_"))}
        kept |= {"PYTHONDONTWRITEBYTECODE": "1"} if self.file_limit else {}  # it would be cut off, and believed
        return subprocess.Popen(
            [sys.executable, "-u", "-m", f"pyjobs.{argv[0]}", *argv[1:]], cwd=ROOT, start_new_session=True, text=True,
            env=kept | self.fake.env() | self.own() | self.extra, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=self._limited if self.file_limit else None,
        )  # fmt: skip

    def own(self) -> dict[str, str]:
        """The environment that makes a verb work here, at this clock."""
        home = str(self.folder)
        return {"NIGHTDESK_HOME": home, "NIGHTDESK_NOW": str(self.now_s), "XDG_CONFIG_HOME": home}

    def _limited(self) -> None:
        assert self.file_limit is not None, "asked for only then"
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_limit, self.file_limit))

    def run(self, argv: list[str]) -> Ended:
        """The verb to its end."""
        return ended(self.start(argv))

    def timed(self, argv: list[str]) -> tuple[float, float, Ended]:
        """Run the verb to its good end: seconds to its first request, seconds from there to the end, and that."""
        asked, began = len(self.fake.requests()), time.monotonic()
        process = self.start(argv)
        first = began
        while process.poll() is None and len(self.fake.requests()) == asked:
            time.sleep(0.002)
            first = time.monotonic()
        done = ended(process)
        assert done.code == 0, done
        return first - began, time.monotonic() - first, done

    def tree(self) -> dict[str, bytes]:
        """Every file of the store, to the byte."""
        root = self.store.root
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def bars(self) -> dict[SeriesKey, Bars]:
        """Every series, read as a job would; raises for a torn file, and for a time that stands twice."""
        return {key: self.store.read(key) for key in self.store.series()}

    def leftovers(self) -> list[Path]:
        """Temporary files that a killed writer left."""
        return [path for path in self.folder.rglob("*") if ".tmp-" in path.name]

    def check_files(self) -> None:
        """Every file can be read by others too: Parquet with its checksums, JSON as JSON, nothing set aside."""
        for path in (self.folder / "data").rglob("*.parquet"):
            if not path.name.startswith("."):
                times = pq.read_table(path, columns=["ts_ms"], page_checksum_verification=True).column("ts_ms")
                assert len(set(times.to_pylist())) == len(times), path
        for path in (self.folder / "data").rglob("*.json"):
            if ".tmp-" not in path.name:
                json.loads(path.read_bytes())
        assert not list(self.folder.rglob(".quarantine"))


class Here(Home):
    """A home whose verbs are called in this process, which is ten times as fast."""

    def __init__(self, fake: FakeMarket, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(fake, folder)
        self.patch = patch
        for name in ("CT_SYMBOL", "CT_TIMEFRAME", "CT_LOOKBACK_DAYS", "CT_EXCHANGE", "DATABASE_URL"):
            patch.delenv(name, raising=False)

    def run(self, argv: list[str]) -> Ended:
        self.fake.market.clock.set(self.now_s * 1000)
        for name, value in (self.fake.env() | self.own()).items():
            self.patch.setenv(name, value)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(importlib.import_module(f"pyjobs.{argv[0]}").main, argv[1:])
        return Ended(code, out.getvalue(), err.getvalue())


def ended(process: subprocess.Popen[str]) -> Ended:
    said, errors = process.communicate(timeout=600)
    return Ended(process.returncode, said, errors)


def same_where_shared(found: Bars, truth: Bars) -> bool:
    """Whether every bar found is one of the true ones, to the bit."""
    at = np.searchsorted(truth.ts_ms, found.ts_ms)
    if at.size and at[-1] >= truth.ts_ms.size:
        return False
    return all(np.array_equal(getattr(found, name), getattr(truth, name)[at]) for name in COLUMNS)


def lost(truth: Bars, found: Bars, up_to_ms: int) -> np.ndarray:
    """Times of true bars up to `up_to_ms` that were not found."""
    return np.setdiff1d(truth.ts_ms[truth.ts_ms <= up_to_ms], found.ts_ms)
