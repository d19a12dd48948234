"""Every fault is really on the wire: looked at with a plain socket, below any client's good manners."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Iterator

import curl_cffi.requests
import pytest
import requests

from tests.fakemarket.faults import KINDS, MEANING
from tests.fakemarket.server import FakeMarket

CANDLES = "/v2/candles/trade:1m:tBTCUSD/hist?limit=3"
TARGETS = {
    "yahoo": ("query2.finance.yahoo.com", "/v8/finance/chart/SPY?range=5d&interval=1d"),
    "bitfinex": ("api-pub.bitfinex.com", CANDLES),
    "krx": ("data.krx.co.kr", "/contents/MDC/COMS/client/MDCCOMS001.cmd"),
    "alpaca": ("data.alpaca.markets", "/v1beta3/crypto/us/bars?symbols=BTC/USD&timeframe=1Min"),
}


@contextlib.contextmanager
def tunnel(
    fake: FakeMarket, host: str = "api-pub.bitfinex.com", context: ssl.SSLContext | None = None
) -> Iterator[ssl.SSLSocket]:
    """TLS to `host` through the proxy, believing the throw-away authority (or whom `context` does)."""
    with socket.create_connection(("127.0.0.1", fake.port), timeout=30) as plain:
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        answer = plain.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        context = context or ssl.create_default_context(cafile=str(fake.certificates.ca))
        with context.wrap_socket(plain, server_hostname=host) as secured:
            yield secured


def exchange(fake: FakeMarket, provider: str = "bitfinex") -> tuple[bytes, bytes]:
    """Head and body of one request, read to the end of the connection."""
    host, path = TARGETS[provider]
    with tunnel(fake, host) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        received = b""
        with contextlib.suppress(ssl.SSLEOFError):
            while part := connection.recv(65_536):
                received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


def get(fake: FakeMarket, path: str) -> requests.Response:
    """The answer of Bitfinex to a well-behaved client."""
    proxies, ca = {"https": fake.url}, str(fake.certificates.ca)
    return requests.get(f"https://api-pub.bitfinex.com{path}", proxies=proxies, verify=ca, timeout=30)


def header(head: bytes, name: str) -> str:
    lines = head.decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines).get(name, "")


def test_without_a_fault_the_answer_is_right_and_the_connection_is_kept(fakemarket: FakeMarket) -> None:
    host, path = TARGETS["bitfinex"]
    with tunnel(fakemarket) as connection:
        for _ in range(2):
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            received = connection.recv(65_536)
            assert received.startswith(b"HTTP/1.1 200 OK\r\n")
            assert len(json.loads(received.partition(b"\r\n\r\n")[2])) == 3


@pytest.mark.parametrize("provider", TARGETS)
@pytest.mark.parametrize("status", ["429", "418", "500", "503", "401", "403", "404"])
def test_a_status_is_served_with_a_body(fakemarket: FakeMarket, provider: str, status: str) -> None:
    fakemarket.fault(provider, status)
    head, body = exchange(fakemarket, provider)
    served = head.split(b" ")[1].decode()
    assert served == ("400" if (provider, status) == ("krx", "401") else status)  # KRX answers 400 LOGOUT
    assert body


def test_retry_after_may_be_a_date_by_the_server_s_own_clock(fakemarket: FakeMarket) -> None:
    fakemarket.clock.set(1_795_176_000_400)  # 12:00:00.4
    fakemarket.fault("bitfinex", "429", retry_after="date+60")
    head, _ = exchange(fakemarket)
    assert header(head, "Date") == "Fri, 20 Nov 2026 12:00:00 GMT"
    assert header(head, "Retry-After") == "Fri, 20 Nov 2026 12:01:01 GMT"  # the first whole second a minute from then


def test_retry_after_is_sent_only_when_ordered(fakemarket: FakeMarket) -> None:
    fakemarket.fault("bitfinex", "429", times=1, retry_after="63")
    assert header(exchange(fakemarket)[0], "Retry-After") == "63"
    fakemarket.fault("bitfinex", "429", times=1)
    assert header(exchange(fakemarket)[0], "Retry-After") == ""
    assert header(exchange(fakemarket)[0], "Content-Type") == "application/json"  # and then all is well


@pytest.mark.parametrize(
    ("kind", "status", "content"),
    [
        ("html", b"200", b"<!DOCTYPE html>"),
        ("block200", b"200", b"blocked"),
        ("block403", b"403", b"blocked"),
        ("login", b"200", b'type="password"'),
        ("null", b"200", b"null"),
    ],
)
def test_a_page_or_null_comes_instead_of_data(fakemarket: FakeMarket, kind: str, status: bytes, content: bytes) -> None:
    fakemarket.fault("bitfinex", kind)
    head, body = exchange(fakemarket)
    assert head.split(b" ")[1] == status
    assert content in body


def test_an_empty_answer_has_a_length_of_nothing(fakemarket: FakeMarket) -> None:
    fakemarket.fault("bitfinex", "empty")
    head, body = exchange(fakemarket)
    assert (head.split(b" ")[1], header(head, "Content-Length"), body) == (b"200", "0", b"")


def test_cut_json_is_a_whole_answer_that_cannot_be_read(fakemarket: FakeMarket) -> None:
    fakemarket.fault("bitfinex", "cut_json")
    head, body = exchange(fakemarket)
    assert int(header(head, "Content-Length")) == len(body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_a_short_body_ends_before_its_length(fakemarket: FakeMarket) -> None:
    fakemarket.fault("bitfinex", "short_body")
    head, body = exchange(fakemarket)
    assert 0 < len(body) < int(header(head, "Content-Length"))


def test_a_renamed_field_is_valid_json_without_the_old_name(fakemarket: FakeMarket) -> None:
    fakemarket.fault("*", "renamed")
    yahoo = json.loads(exchange(fakemarket, "yahoo")[1])
    assert "timestamps" in yahoo["chart"]["result"][0]
    assert "timestamp" not in yahoo["chart"]["result"][0]
    assert set(json.loads(exchange(fakemarket, "alpaca")[1])) == {"candles", "next_page_token"}
    assert "mts" in json.loads(exchange(fakemarket, "bitfinex")[1])[0]


def test_null_bars_are_the_providers_envelope_with_nothing_in_it(fakemarket: FakeMarket) -> None:
    fakemarket.fault("*", "null_bars")
    assert json.loads(exchange(fakemarket, "alpaca")[1])["bars"] is None
    assert json.loads(exchange(fakemarket, "yahoo")[1])["chart"]["result"] is None


def test_a_reset_is_a_reset_and_not_an_end(fakemarket: FakeMarket) -> None:
    """Python's TLS hides the difference, so this looks at the host asked without it, and at curl's message."""
    fakemarket.fault("*", "reset")
    with socket.create_connection(("127.0.0.1", fakemarket.port), timeout=30) as plain:
        plain.sendall(b"GET http://fchart.stock.naver.com/sise.nhn?symbol=005930 HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            plain.recv(1)
    proxies, ca = {"https": fakemarket.url}, str(fakemarket.certificates.ca)
    with pytest.raises(curl_cffi.requests.exceptions.ConnectionError, match="Connection reset by peer"):
        curl_cffi.requests.get("https://api-pub.bitfinex.com/v2/conf/x", proxies=proxies, verify=ca)


def test_a_hang_takes_the_request_and_says_nothing_until_reset(fakemarket: FakeMarket) -> None:
    fakemarket.fault("bitfinex", "hang")
    host, path = TARGETS["bitfinex"]
    with tunnel(fakemarket) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        until = time.monotonic() + 60
        while [one.fault for one in fakemarket.requests("bitfinex")] != ["hang"]:
            assert time.monotonic() < until
            time.sleep(0.01)
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        fakemarket.reset()
        connection.settimeout(30)
        with contextlib.suppress(ssl.SSLEOFError):
            assert connection.recv(1) == b""


def test_a_slow_drip_comes_byte_by_byte(fakemarket: FakeMarket) -> None:
    fakemarket.fault("bitfinex", "drip", pause_s=0.05)
    host, path = TARGETS["bitfinex"]
    with tunnel(fakemarket) as connection:
        begun = time.monotonic()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        parts = [connection.recv(65_536) for _ in range(4)]
        assert all(len(part) == 1 for part in parts)
        assert time.monotonic() - begun > 0.1


def test_a_bad_certificate_is_signed_by_a_stranger(fakemarket: FakeMarket) -> None:
    fakemarket.fault("bitfinex", "bad_cert", times=1)
    with pytest.raises(ssl.SSLCertVerificationError), tunnel(fakemarket):
        pass
    assert [one.fault for one in fakemarket.requests("bitfinex")] == ["bad_cert"]
    assert exchange(fakemarket)[0].startswith(b"HTTP/1.1 200")


def test_nobody_else_trusts_the_authority(fakemarket: FakeMarket) -> None:
    with pytest.raises(ssl.SSLCertVerificationError), tunnel(fakemarket, context=ssl.create_default_context()):
        pass


@pytest.mark.parametrize("secure", [True, False])
def test_an_unreachable_host_is_refused_by_the_proxy(fakemarket: FakeMarket, secure: bool) -> None:
    fakemarket.fault("*", "refuse")
    if secure:
        with pytest.raises(AssertionError, match="502"), tunnel(fakemarket):
            pass
    else:
        url = "http://fchart.stock.naver.com/sise.nhn?symbol=005930&count=1"
        assert requests.get(url, proxies={"http": fakemarket.url}, timeout=30).status_code == 502
    assert [one.fault for one in fakemarket.requests()] == ["refuse"]


@pytest.mark.parametrize("host", ["example.com", "api.github.com", "finance.yahoo.com.example.com"])
def test_any_other_host_is_refused_and_recorded(fakemarket: FakeMarket, host: str) -> None:
    with pytest.raises(AssertionError, match="403"), tunnel(fakemarket, host):
        pass
    (seen,) = fakemarket.requests("unknown")
    assert (seen.host, seen.fault, seen.method) == (host, "unknown host", "CONNECT")


def test_a_fault_is_limited_to_its_provider_its_match_its_start_and_its_number(fakemarket: FakeMarket) -> None:
    fakemarket.fault("bitfinex", "500", match="tBTCUSD", after=1, times=2)
    fakemarket.fault("alpaca", "503")
    asked = [
        get(fakemarket, f"/v2/candles/trade:1m:{pair}/hist").status_code
        for pair in ("tETHUSD", "tBTCUSD", "tBTCUSD", "tETHUSD", "tBTCUSD", "tBTCUSD")
    ]
    assert asked == [200, 200, 500, 200, 500, 200]
    assert [one.fault for one in fakemarket.requests("bitfinex", "tBTCUSD")] == ["", "500", "500", ""]


def test_a_fault_may_befall_every_third_request_after_some(fakemarket: FakeMarket) -> None:
    fakemarket.fault("bitfinex", "500", after=1, every=3, times=2)
    asked = [get(fakemarket, CANDLES).status_code for _ in range(11)]
    assert [number for number, status in enumerate(asked, 1) if status == 500] == [4, 7]
    with pytest.raises(ValueError, match="every=0"):
        fakemarket.fault("bitfinex", "500", every=0)


@pytest.mark.parametrize("extends", [False, True])
def test_a_ban_lasts_hours_of_simulated_time(fakemarket: FakeMarket, extends: bool) -> None:
    fakemarket.clock.set(1_795_000_000_000)
    ban = fakemarket.ban("bitfinex", 3, ban_s=7200, kind="418", tell=True, extends=extends)

    def status() -> int:
        answer = get(fakemarket, CANDLES)
        retry_after.append(answer.headers.get("Retry-After"))
        return answer.status_code

    retry_after: list[str | None] = []
    assert [status() for _ in range(5)] == [200, 200, 200, 418, 418]
    assert retry_after[-1] == "7200"
    fakemarket.clock.advance(7000)
    assert status() == 418
    fakemarket.clock.advance(201)
    assert status() == (418 if extends else 200)
    assert ban.refused == (4 if extends else 3)


def test_requests_spread_over_time_are_not_banned(fakemarket: FakeMarket) -> None:
    fakemarket.clock.set(1_795_000_000_000)
    fakemarket.ban("bitfinex", 3, window_s=60)
    for _ in range(8):
        assert exchange(fakemarket)[0].startswith(b"HTTP/1.1 200")
        fakemarket.clock.advance(20.1)


def test_every_kind_is_explained_and_an_unknown_one_is_refused(fakemarket: FakeMarket) -> None:
    assert set(MEANING) == set(KINDS)
    with pytest.raises(ValueError, match="unknown fault '430'"):
        fakemarket.fault("yahoo", "430")
