"""The server: one loopback port that is an HTTP and HTTPS forward proxy to the imitated providers, and nothing else.

A client needs only its environment: the proxy's address and the throw-away authority. CONNECT to a host that is not
imitated is refused and recorded; nothing ever leaves the machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingTCPServer

from tests.fakemarket import certs
from tests.fakemarket.alpaca import Alpaca
from tests.fakemarket.bitfinex import Bitfinex
from tests.fakemarket.faults import Ban, Fault, Script
from tests.fakemarket.kraken import Kraken
from tests.fakemarket.krx import Krx, Naver
from tests.fakemarket.market import Clock, Market
from tests.fakemarket.provider import Provider
from tests.fakemarket.wire import Reply, Request, Served, json_reply, recordable, target
from tests.fakemarket.yahoo import Yahoo
from utils.errors import UsageError
from utils.trading_day import CalendarRangeError


class FakeMarket:
    """The server as a test sees it. `market` and the providers hold what is served, `script` what goes wrong."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.market = Market(self.clock)
        self.script = Script()
        self.yahoo, self.bitfinex, self.krx = Yahoo(), Bitfinex(), Krx()
        self.naver, self.alpaca, self.kraken = Naver(), Alpaca(), Kraken()
        self.providers: tuple[Provider, ...] = (
            self.yahoo, self.bitfinex, self.krx, self.naver, self.alpaca, self.kraken,
        )  # fmt: skip
        self.released = threading.Event()
        self._served: list[Served] = []
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._server: ThreadingTCPServer | None = None

    def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1 (`port` 0: any free one) and serve in the background."""
        from tests.fakemarket.handler import Handler, Server

        self._folder = Path(tempfile.mkdtemp(prefix="fakemarket-"))
        hosts = [host for provider in self.providers for host in provider.hosts]
        self.certificates = certs.make(self._folder, hosts)
        try:
            self._server = Server(("127.0.0.1", port), Handler, self)
        except OSError as problem:
            raise UsageError(f"fakemarket cannot listen on 127.0.0.1:{port}: {problem.strerror}") from None
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="fakemarket").start()

    def stop(self) -> None:
        self.released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def port(self) -> int:
        assert self._server is not None, "not started"
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def env(self) -> dict[str, str]:
        """What a client's environment must hold; also switches off exceptions made for other hosts.

        Caches (yfinance keeps cookies and time zones) go where they end with the server; matplotlib's stay, as they are
        slow to make anew.
        """
        assert self._folder is not None, "not started"
        ca = str(self.certificates.ca)
        fonts = os.environ.get("MPLCONFIGDIR") or str(Path.home() / ".cache/matplotlib")
        proxies = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), self.url)
        trust = dict.fromkeys(("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), ca)
        caches = {"XDG_CACHE_HOME": str(self._folder / "cache"), "MPLCONFIGDIR": fonts}
        return {**proxies, **trust, **caches, "NO_PROXY": "", "no_proxy": ""}

    def reset(self) -> None:
        """As after `start`: no fault, no record, real time, nobody logged in; hung requests are let go."""
        released, self.released = self.released, threading.Event()
        released.set()
        self.script.clear()
        self.market.reset()
        for provider in self.providers:
            provider.reset()
        with self._lock:
            self._served.clear()

    def fault(self, provider: str, kind: str, **options: object) -> Fault:
        """Spoil requests to `provider` (or `*`) from now on; options are the fields of Fault."""
        rule = Fault(kind=kind, provider=provider, **options)  # type: ignore[arg-type]  # checked by Fault
        self.script.add(rule)
        return rule

    def ban(self, provider: str, allowed: int, **options: object) -> Ban:
        """Ban who asks `provider` more than `allowed` times within a window; options are the fields of Ban."""
        rule = Ban(provider=provider, allowed=allowed, **options)  # type: ignore[arg-type]  # checked by Ban
        self.script.add(rule)
        return rule

    def requests(self, provider: str = "", match: str = "") -> list[Served]:
        """What was asked so far, in order; `match` within path and query. Refused hosts have provider `unknown`."""
        with self._lock:
            served = list(self._served)
        return [one for one in served if provider in ("", one.provider) and match in target(one.path, one.params)]

    def provider_of(self, host: str, path: str = "") -> Provider | None:
        """By host; on 127.0.0.1, where a client was given our address as base URL, by path."""
        for provider in self.providers:
            if host in provider.hosts:
                return provider
        if host in ("127.0.0.1", "localhost", ""):
            return next((one for one in self.providers if path.startswith(one.paths)), None)
        return None

    def answer(self, request: Request, provider: Provider) -> Reply:
        """The provider's answer; a parameter it can make nothing of is the client's fault, not ours."""
        try:
            return provider.answer(request, self.market)
        except (KeyError, ValueError) as problem:
            return json_reply({"error": f"fakemarket: missing or wrong parameter: {problem}"}, 400)
        except CalendarRangeError as problem:
            return json_reply({"error": f"fakemarket: {problem}"}, 500)

    def note(self, provider: str, request: Request) -> Served:
        """Begin a line of the record; the handler fills in what became of it."""
        line = Served(
            at_s=request.at_s, now_ms=request.now_ms, provider=provider, host=request.host, method=request.method,
            path=request.path, params=recordable(request.params),
        )  # fmt: skip
        with self._lock:
            self._served.append(line)
        return line

    def request(
        self, method: str, host: str, path: str, params: dict[str, str], headers: dict[str, str], secure: bool
    ) -> Request:
        return Request(
            method=method, host=host, path=path, params=params, headers=headers, secure=secure,
            at_s=time.time(), now_ms=self.clock.now_ms(),
        )  # fmt: skip


@contextmanager
def running(port: int = 0) -> Iterator[FakeMarket]:
    """A started server that is stopped at the end."""
    fake = FakeMarket()
    try:
        fake.start(port)
        yield fake
    finally:
        fake.stop()
