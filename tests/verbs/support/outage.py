"""The shipped ingest job of each real client, as cron starts it, on a machine of its own that knows only fakemarket."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyjobs.market.store.bar_store import BarStore
from tests.fakemarket.server import FakeMarket
from tests.support.verb_process import run_verb

ROOT = Path(__file__).resolve().parents[3]
SKIPPED = "[SKIP] external-data-unavailable (guarded)"
EXCHANGES = """
exchanges:
  YAHOO: {provider: yf_etf, market: XNYS, page_bars: 5000}
  CCXT: {provider: ccxt, market: "24/7", page_bars: 10000}
  KRX_INDEX: {provider: pykrx_index, market: XKRX, page_bars: 500}
  ALPACA: {provider: alpaca, market: XNYS, page_bars: 10000}
"""
SECRETS = "KRX_ID=desk-user\nKRX_PW=desk-password\nAPCA_API_KEY_ID=desk-key\nAPCA_API_SECRET_KEY=desk-secret\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One real client: its package, who serves it, and ten series that a job may ask for through it.

    `data` is what the addresses of its prices have in common: faults of the data spoil only those.
    """

    package: str
    exchange: str
    served_by: str
    timeframe: str
    symbols: tuple[str, ...]
    data: str


CLIENTS = {
    "yfinance": Client(
        package="yfinance", exchange="YAHOO", served_by="yahoo", timeframe="1d", data="chart",
        symbols=("SPY", "QQQ", "EWY", "AAPL", "MSFT", "^GSPC", "^IXIC", "DIA", "IWM", "VTI"),
    ),
    "ccxt": Client(
        package="ccxt", exchange="CCXT", served_by="bitfinex", timeframe="1h", data="candles",
        symbols=tuple(f"bitfinex:{coin}/USD" for coin in ("BTC", "ETH", "LTC", "SOL", *(f"XA{at}" for at in "ABCDEF"))),
    ),
    "pykrx": Client(
        package="pykrx", exchange="KRX_INDEX", served_by="krx", timeframe="1d", data="getJsonData",
        symbols=("1001", "1028", "2001", *(f"10{number:02}" for number in range(2, 9))),
    ),
    "alpaca-py": Client(
        package="alpaca", exchange="ALPACA", served_by="alpaca", timeframe="1d", data="bars",
        symbols=("SPY", "QQQ", "EWY", "AAPL", "MSFT", "DIA", "IWM", "VTI", "GLD", "TLT"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a job went: what cron saw, the line of the history, the log, and the bars there are now."""

    code: int
    seconds: float
    said: Mapping[str, Any]
    log: str
    bars: int

    @property
    def kind(self) -> str:
        """The kind in the history; empty for a run that was no skip."""
        return str(self.said.get("kind", ""))


class Machine:
    """A home with one instance per series of a client, and its jobs."""

    def __init__(self, home: Path, fake: FakeMarket, name: str) -> None:
        self.home, self.fake, self.client = home, fake, CLIENTS[name]
        fake.krx.user, fake.krx.password = "desk-user", "desk-password"
        (home / "secret").mkdir(parents=True)
        (home / "secret" / "exchanges.yaml").write_text(EXCHANGES)
        (home / ".env").write_text(SECRETS)
        (home / ".env").chmod(0o600)
        (home / "config" / "instances").mkdir(parents=True)
        for number, symbol in enumerate(self.client.symbols):
            text = f"CT_EXCHANGE={self.client.exchange}\nCT_SYMBOL={symbol}\nCT_LOOKBACK_DAYS=20\n"
            (home / "config" / "instances" / f"series{number}-{self.client.timeframe}.env").write_text(text)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KRX_", "APCA_", "CT_"))}
        self.env = kept | fake.env() | {
            "NIGHTDESK_HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONBIN": sys.executable,
        }  # fmt: skip

    def ready(self) -> bool:
        """Whether the client is installed here."""
        return importlib.util.find_spec(self.client.package) is not None

    def start(self, number: int = 0, **env: str) -> subprocess.Popen[str]:
        """Cron's command for one series."""
        command = [ROOT / "batch" / "run_ingest.sh", self.instance(number)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd="/", env=self.env | env, stdout=pipe, stderr=pipe, text=True)

    def run(self, number: int = 0, **env: str) -> Ended:
        """The same, to its end."""
        began = time.monotonic()
        job = self.start(number, **env)
        job.communicate(timeout=300)
        return self.ended(number, job.returncode, time.monotonic() - began)

    def ended(self, number: int, code: int, seconds: float = 0.0) -> Ended:
        """What is known of a series' last job."""
        name = self.instance(number)
        history = (self.home / "logs" / "history.jsonl").read_text().splitlines()
        said = next(line for line in map(json.loads, reversed(history)) if line["instance"] == name)
        log = (self.home / said["log"]).read_text()
        return Ended(code=code, seconds=seconds, said=said, log=log, bars=self.bars(number))

    def fork(self, number: int, **env: str) -> Ended:
        """The verb of that job to its end, as a fork and without the chain around it."""
        done = run_verb("ingest", "--instance", self.instance(number), "--resume", env=self.env | env)
        kind = re.search(r"^ingest: \S+ \S+: (\w+): ", done.stderr, re.M)
        said = {
            "outcome": f"skip:{kind[1]}" if kind and done.returncode == 69 else "ok" if not done.returncode else "fail"
        }
        return Ended(code=done.returncode, seconds=0.0, said=said, log=done.stderr, bars=self.bars(number))

    def bars(self, number: int) -> int:
        """How many bars of a series are stored."""
        store = BarStore(self.home / "data" / "raw", locks=self.home / "locks")
        mine = [key for key in store.series() if key.symbol == self.client.symbols[number]]
        return sum(len(store.read(key)) for key in mine)

    def instance(self, number: int) -> str:
        return f"series{number}-{self.client.timeframe}"

    def asked(self) -> int:
        """Requests that reached the provider; a tunnel that was refused or whose certificate was not trusted is one."""
        return len(self.fake.requests(self.client.served_by))
