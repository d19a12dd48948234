"""A desk of twelve fetched symbols over two exchanges, and the output of a fetch; its home knows only fakemarket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pyjobs.fetch import main as fetch
from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.bar_store import BarStore
from tests.fakemarket.server import FakeMarket
from utils.run import run

HOUR_S, DAY_S = 3_600, 86_400
FRIDAY_S = 1_795_215_600  # 2026-11-20T23:00Z: New York has closed for the week
SHARES = ("AAPL", "MSFT", "QQQ", "EWY", "DIA", "IWM", "VTI", "GLD")
COINS = ("BTCUSD", "ETHUSD", "LTCUSD", "SOLUSD")
DESK = """\
name: twelve
market: XNYS
dumps: dumps
accounts:
  usd: {currency: USD, cash: 100000, max_positions: 4, max_weight: 0.25}
setups:
  breakout_20: {window: 20}
universe:
  - {exchange: YAHOO, symbols: [%s], start: 2026-09-01}
  - {exchange: BITFINEX, symbols: [%s], start: 2026-11-01}
"""
KOREA = """\
name: korea
market: XKRX
dumps: dumps
accounts:
  krw: {currency: KRW, cash: 100000000, max_positions: 2, max_weight: 0.5, rules: KRX}
setups:
  breakout_20: {window: 20}
universe:
  - {exchange: KRX, symbols: [%s], start: 2026-11-02}
"""


@dataclass(kw_only=True)
class Home:
    """A runtime root, its desk, and the clock of its jobs and of fakemarket in step."""

    root: Path
    fake: FakeMarket
    patch: pytest.MonkeyPatch
    captured: pytest.CaptureFixture[str]

    def at(self, now_s: int, *, providers_s: int | None = None) -> None:
        """Set both clocks; the providers' apart, if wanted."""
        self.patch.setenv("NIGHTDESK_NOW", str(now_s))
        self.fake.clock.set((now_s if providers_s is None else providers_s) * 1000)

    def write(self, text: str) -> None:
        (self.root / "desk.yaml").write_text(text, encoding="utf-8")

    def fetch(self, *flags: str) -> int:
        """The verb; `said` and `report` are then about it."""
        (self.root / "out" / "reports").mkdir(parents=True, exist_ok=True)
        code = run(fetch, ["--desk", str(self.root / "desk.yaml"), "--out", str(self.root / "out"), *flags])
        told = self.captured.readouterr()
        self.said, self.problem = told.out, told.err
        return code

    @property
    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.root / "out/reports/fetch.json").read_text(encoding="utf-8"))
        return content

    def missing(self) -> dict[str, str]:
        """Symbol -> kind of what is missing."""
        return {each["symbol"]: each["kind"] for each in self.report["missing"]}

    def asked(self, provider: str, match: str = "") -> int:
        return len(self.fake.requests(provider, match))

    def days(self, exchange: str, symbol: str) -> list[str]:
        """The days on which the stored daily bars close, UTC."""
        store = BarStore(self.root / "data/raw", locks=self.root / ".locks")
        bars = store.read(SeriesKey(exchange=exchange, symbol=symbol, timeframe="1d"))
        return [str(day)[:10] for day in bars.ts_ms.astype("datetime64[ms]").tolist()]


def made_home(
    fake: FakeMarket, root: Path, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str], text: str
) -> Home:
    """A home with that desk, in the evening of a Friday."""
    own = {"NIGHTDESK_HOME": str(root), "XDG_CACHE_HOME": str(root / "cache"), "RETRY_BUDGET_S": "1"}
    for name, value in {**fake.env(), **own}.items():
        patch.setenv(name, value)
    for name in ("NEXT_START", "JOB", "ALLOW_NET_FETCH"):
        patch.delenv(name, raising=False)
    fake.krx.user, fake.krx.password = "desk-user", "desk-password"
    (root / ".env").write_text("KRX_ID=desk-user\nKRX_PW=desk-password\n")
    (root / ".env").chmod(0o600)
    made = Home(root=root, fake=fake, patch=patch, captured=captured)
    made.at(FRIDAY_S)
    made.write(text)
    return made


def desk(shares: Sequence[str] = SHARES, coins: Sequence[str] = COINS) -> str:
    return DESK % (", ".join(shares), ", ".join(coins))
