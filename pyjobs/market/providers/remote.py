"""The providers that need other people's clients. Each question is put to a process of its own, with a time limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pyjobs.market.bars import TIMEFRAME_MS
from pyjobs.market.providers import GATES, webcache
from pyjobs.market.providers.base import LONGEST_FETCH_S, BarRequest, Fetched, NotSetUp, Refused
from pyjobs.market.providers.rows import to_fetched, true_now_ms
from pyjobs.market.store.partitions import Adjusted
from utils import credentials, paths
from utils.errors import UsageError

HOUR_MS = 3_600_000
NEWEST_ONLY = 500  # some exchanges send so many candles or more up to the present, wherever the range begins


class Remote:
    """One client behind the Provider interface; the classes below say what differs."""

    name: str
    client: str
    package: str
    network = True
    needs: tuple[str, ...] = ()
    adjusted: Adjusted = "raw"
    timeframes: tuple[str, ...] = tuple(TIMEFRAME_MS)
    settle_ms = HOUR_MS
    pause_s = 10.0

    def __init__(self) -> None:
        self._waiting: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Start the process and let it load the client, so that the next question leaves without delay."""
        if self._waiting is None:
            self._waiting = started(self.client)

    def gate(self, request: BarRequest) -> str:  # noqa: ARG002 - ccxt's depends on it
        """Whose servers it asks."""
        return GATES[self.name]

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:  # noqa: ARG002 - Yahoo's has one
        """Nothing: the store is the cache."""
        return None

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = LONGEST_FETCH_S) -> Fetched:
        """The bars of the range; Refused with its kind, ConfirmedEmpty, NotSetUp."""
        rows, now_ms = self.rows(request, now_ms, limit_s)
        return to_fetched(
            rows, request, provider=self.name, adjusted=self.adjusted, now_ms=now_ms, settle_ms=self.settle_ms
        )

    def rows(self, request: BarRequest, now_ms: int, limit_s: float) -> tuple[list[list[Any]], int]:
        """What the client returns within `limit_s`, of which loading the client is a part; and what time it is there.

        That is `now_ms`, unless our clock is ahead of the provider's.
        """
        if request.timeframe not in self.timeframes:
            raise UsageError(
                f"{self.name} has no timeframe {request.timeframe!r} (it has {', '.join(self.timeframes)})"
            )
        secrets = {name: self.secret(name) for name in self.needs}
        question = {
            "client": self.client,
            "symbol": request.symbol,
            "timeframe": request.timeframe,
            "step_ms": TIMEFRAME_MS[request.timeframe],
            "start_ms": request.start_ms,
            "end_ms": min(request.end_ms, now_ms),
            "adjusted": self.adjusted == "adjusted",
            "cache_folder": str(paths.data_dir() / "webcache" / "yf-client"),
            "limit_s": limit_s,
            "pause_s": self.pause_s,
            "secrets": secrets,
        }
        verdict = self._ask(question, request)
        return self._read(verdict, request), true_now_ms(now_ms, verdict.get("sent_s"))

    def secret(self, name: str) -> str:
        """The credential of that name; raises NotSetUp."""
        value = credentials.for_provider(name)
        if not value:
            raise NotSetUp(
                f"{self.name}: {name} is not set: put a line {name}=… into {paths.root() / '.env'} (chmod 600)"
            )
        return value

    def _ask(self, question: Mapping[str, Any], request: BarRequest) -> dict[str, Any]:
        """Run the worker; the question goes through a pipe, so that no list of processes shows a password."""
        self.prepare()
        worker, self._waiting = self._waiting, None
        assert worker is not None, "prepare() has just made it"
        with worker:
            try:
                told, _ = worker.communicate(json.dumps(question).encode(), timeout=question["limit_s"])
            except subprocess.TimeoutExpired:
                raise self._refused("timeout", request, f"no answer within {question['limit_s']:.0f} s") from None
            finally:
                worker.kill()
        try:
            verdict: dict[str, Any] = json.loads(told)
        except ValueError:
            raise RuntimeError(f"{self.name}: the worker ended with {worker.returncode} and no verdict") from None
        return verdict

    def _read(self, verdict: Mapping[str, Any], request: BarRequest) -> list[list[Any]]:
        if "rows" in verdict:
            rows: list[list[Any]] = verdict["rows"]
            return rows
        if "fault" in verdict:
            raise self._refused(request=request, **verdict["fault"])
        if "missing" in verdict:
            raise NotSetUp(
                f"{self.name}: the Python package {self.package} is not installed here (no {verdict['missing']})"
                ": `make setup-providers`, or take the provider out of config/data_sources.yaml"
            )
        raise RuntimeError(f"{self.name}: in the worker:\n{verdict.get('bug')}")

    def _refused(self, kind: Any, request: BarRequest, detail: str, hold_s: float | None = None) -> Refused:
        return Refused(kind, provider=self.name, symbol=request.symbol, detail=detail, hold_s=hold_s)


class Yahoo(Remote):
    """Yahoo's chart, through yfinance. Daily answers are kept in data/webcache/yf until another session has closed."""

    client = "yfinance"
    package = "yfinance"
    timeframes = ("1m", "5m", "15m", "30m", "1h", "1d")

    def rows(self, request: BarRequest, now_ms: int, limit_s: float) -> tuple[list[list[Any]], int]:
        """As every Remote; refuses days of currencies, which at Yahoo end at midnight in London."""
        if request.market == "FX" and request.timeframe == "1d":
            raise UsageError(
                f"{self.name} has no daily bars of currencies: its days end at midnight in London, the market's at "
                "17:00 in New York; take 1h"
            )
        return super().rows(request, now_ms, limit_s)

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:
        """Today's earlier answer to the same question."""
        rows = webcache.load(self.name, request, now_ms)
        if rows is None:
            return None
        return to_fetched(
            rows, request, provider=self.name, adjusted=self.adjusted, now_ms=now_ms, settle_ms=self.settle_ms
        )

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = LONGEST_FETCH_S) -> Fetched:
        """As every Remote; a good answer is kept."""
        rows, now_ms = self.rows(request, now_ms, limit_s)
        fetched = to_fetched(
            rows, request, provider=self.name, adjusted=self.adjusted, now_ms=now_ms, settle_ms=self.settle_ms
        )
        webcache.save(self.name, request, rows, now_ms, last_ts_ms=int(fetched.bars.ts_ms[-1]))
        return fetched


class YahooIndex(Yahoo):
    """An index as Yahoo has it: nothing to adjust."""

    name = "yf_index"


class YahooEtf(Yahoo):
    """A fund that follows the index: dividends are worked into its prices, so the whole history moves with each."""

    name = "yf_etf"
    adjusted: Adjusted = "adjusted"


class PykrxIndex(Remote):
    """A KRX index by its number, through pykrx. KRX lets nobody ask without a login since February 2026."""

    name = "pykrx_index"
    client = "pykrx"
    package = "pykrx"
    needs = ("KRX_ID", "KRX_PW")
    timeframes = ("1d",)


class Ccxt(Remote):
    """Any exchange that ccxt knows: the symbol is `exchange:PAIR`."""

    name = "ccxt"
    client = "ccxt"
    package = "ccxt"
    settle_ms = 60_000

    def gate(self, request: BarRequest) -> str:
        """The exchange: one that bans ccxt bans our own client too."""
        return quote(request.symbol.partition(":")[0], safe="")

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = LONGEST_FETCH_S) -> Fetched:
        """As every Remote; what lies before an exchange's newest candles, when it sends only those, is not answered."""
        rows, now_ms = self.rows(request, now_ms, limit_s)
        step_ms = TIMEFRAME_MS[request.timeframe]
        if len(rows) >= NEWEST_ONLY and rows[-1][0] + 3 * step_ms > now_ms:
            request = replace(request, start_ms=max(request.start_ms, rows[0][0] + step_ms))
        if request.start_ms > request.end_ms:
            detail = f"it sends its newest {len(rows)} candles only, and the range lies before them"
            raise self._refused("no_data", request, detail)
        return to_fetched(
            rows, request, provider=self.name, adjusted=self.adjusted, now_ms=now_ms, settle_ms=self.settle_ms
        )


class Alpaca(Remote):
    """US stocks, through alpaca-py (the free IEX feed)."""

    name = "alpaca"
    client = "alpaca"
    package = "alpaca-py"
    needs = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")


def started(client: str) -> subprocess.Popen[bytes]:
    """A worker that has been told which client to load, and waits for its question."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "pyjobs.market.providers.worker"],
        cwd=paths.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=without_secrets(os.environ),
    )
    assert worker.stdin is not None, "it is a pipe"
    worker.stdin.write(client.encode() + b"\n")
    worker.stdin.flush()
    return worker


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without credentials: a client that finds some logs in by itself, and others may read it."""
    hidden = {name for cls in (PykrxIndex, Alpaca) for name in cls.needs} | {"DATABASE_URL"}
    return {name: value for name, value in environment.items() if name not in hidden}
