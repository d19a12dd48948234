"""Live exceptions get the right exit code: raised by the real clients, against a provider having a bad day."""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import json
import os
import socket
import sqlite3
import ssl
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import pytest
import requests
import urllib3

from tests.judge.support.fault_server import serving
from utils.errors import ConfigError, ExternalDataUnavailable, StaleDataError
from utils.exception_kinds import kind_of
from utils.exit_codes import ExitCode
from utils.run import exit_code_for


@contextmanager
def provider(fault: str) -> Iterator[str]:
    """The address of a loopback server with `fault`."""
    with serving("127.0.0.1", 0, fault) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/bars"


def raised(act: Callable[[], object]) -> BaseException:
    """What `act` raises, with its traceback."""
    try:
        act()
    except BaseException as error:  # noqa: BLE001 - the exception is what the test is about
        return error
    raise AssertionError("nothing was raised")


def by_requests(url: str, limit_s: float = 10.0) -> object:
    reply = requests.get(url, timeout=limit_s)
    reply.raise_for_status()
    return reply.json()


def by_urllib(url: str, limit_s: float = 10.0) -> object:
    with urllib.request.urlopen(url, timeout=limit_s) as reply:
        return reply.read()


def by_urllib3(url: str, limit_s: float = 10.0) -> object:
    statuses = urllib3.Retry(total=1, status_forcelist=[429, 503])
    return urllib3.PoolManager(retries=statuses, timeout=limit_s).request("GET", url).data


def by_curl_cffi(url: str, limit_s: float = 10.0) -> object:
    import curl_cffi.requests

    reply = curl_cffi.requests.get(url, timeout=limit_s)
    reply.raise_for_status()
    return reply.json()


def by_socket(url: str, limit_s: float = 10.0) -> object:
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=limit_s) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return connection.recv(100)


@pytest.mark.parametrize(
    ("client", "fault", "kind"),
    [
        (by_requests, "429", "rate_limit"),
        (by_requests, "418", "rate_limit"),
        (by_requests, "401", "auth"),
        (by_requests, "403_block", "auth"),
        (by_requests, "451", "blocked"),
        (by_requests, "503", "outage"),
        (by_requests, "504", "outage"),
        (by_requests, "html", "schema"),
        (by_requests, "empty", "schema"),
        (by_requests, "half_json", "schema"),
        (by_requests, "hang", "timeout"),
        (by_requests, "reset", "network"),
        (by_requests, "close", "network"),
        (by_requests, "truncated", "network"),
        (by_urllib, "429", "rate_limit"),
        (by_urllib, "500", "outage"),
        (by_urllib, "hang", "timeout"),
        (by_urllib, "close", "network"),
        (by_urllib, "truncated", "network"),
        (by_urllib3, "429", "rate_limit"),
        (by_urllib3, "503", "outage"),
        (by_urllib3, "hang", "timeout"),
        (by_urllib3, "reset", "network"),
        (by_curl_cffi, "429", "rate_limit"),
        (by_curl_cffi, "502", "outage"),
        (by_curl_cffi, "html", "schema"),
        (by_curl_cffi, "hang", "timeout"),
        (by_curl_cffi, "reset", "network"),
        (by_socket, "hang", "timeout"),
        (by_socket, "reset", "network"),
    ],
)
def test_a_providers_failure_is_69_and_its_kind(client: Callable[..., object], fault: str, kind: str) -> None:
    with provider(fault) as url:
        error = raised(lambda: client(url, 0.3) if fault == "hang" else client(url))
    assert (exit_code_for(error), kind_of(error)) == (ExitCode.EXTERNAL, kind), repr(error)


@pytest.mark.parametrize("client", [by_requests, by_urllib, by_curl_cffi])
@pytest.mark.parametrize("fault", ["400", "404", "422"])
def test_a_request_that_was_wrong_is_a_bug_of_ours(client: Callable[[str], object], fault: str) -> None:
    with provider(fault) as url:
        assert exit_code_for(raised(lambda: client(url))) == ExitCode.BUG


@pytest.mark.parametrize("client", [by_requests, by_urllib3, by_curl_cffi])
def test_a_gateway_on_this_machine_that_is_down_is_external(client: Callable[[str], object]) -> None:
    with socket.socket() as deaf:  # has the port and does not listen: nobody else can have it meanwhile
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        assert exit_code_for(raised(lambda: client(f"http://127.0.0.1:{port}/bars"))) == ExitCode.EXTERNAL


@pytest.mark.parametrize("client", [by_requests, by_urllib, by_urllib3, by_curl_cffi])
def test_a_name_that_does_not_resolve_is_the_network(client: Callable[[str], object]) -> None:
    error = raised(lambda: client("http://nonexistent.invalid/"))
    assert exit_code_for(error) == ExitCode.EXTERNAL
    assert kind_of(error) in ("network", "timeout")


@pytest.mark.parametrize("url", ["htp://x/y", "api.example.org/bars", "http://"])
def test_an_address_that_is_none_is_a_bug(url: str) -> None:
    assert exit_code_for(raised(lambda: by_requests(url))) == ExitCode.BUG
    assert exit_code_for(raised(lambda: by_urllib(url))) == ExitCode.BUG


def test_a_server_that_does_not_speak_tls_is_the_network() -> None:
    def handshake() -> None:
        ours, theirs = socket.socketpair()
        theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        ssl.create_default_context().wrap_socket(ours, server_hostname="api.example.org")

    assert kind_of(raised(handshake)) == "network"
    assert kind_of(ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")) == "network"


def test_a_time_limit_of_our_own_is_a_bug() -> None:
    def future() -> None:
        concurrent.futures.Future[None]().result(timeout=0.01)  # nobody will ever set it

    async def waiting() -> None:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)

    for act in (
        future,
        lambda: asyncio.run(waiting()),
        lambda: subprocess.run(["sleep", "600"], timeout=0.01, check=True),
    ):
        assert exit_code_for(raised(act)) == ExitCode.BUG


def test_reading_a_stream_that_hangs_is_a_time_out() -> None:
    async def read(port: int) -> None:
        reader, _ = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.wait_for(reader.read(1), 0.1)

    with provider("hang") as url:
        error = raised(lambda: asyncio.run(read(int(url.split(":")[2][:-5]))))
    assert kind_of(error) == "timeout"


def test_the_disk_and_the_files_have_codes_of_their_own(tmp_path: Path) -> None:
    def write_full() -> None:
        with Path("/dev/full").open("w") as handle:
            handle.write("x" * 100_000)

    assert exit_code_for(raised(write_full)) == ExitCode.CANNOT_WRITE
    assert exit_code_for(raised((tmp_path / "absent.csv").read_text)) == ExitCode.MISSING_INPUT
    assert exit_code_for(PermissionError(errno.EACCES, "Permission denied", "data")) == ExitCode.PERMISSION
    assert exit_code_for(OSError(errno.EROFS, "Read-only file system", "data")) == ExitCode.CANNOT_WRITE
    assert exit_code_for(OSError(errno.EIO, "Input/output error", "data")) == ExitCode.CANNOT_WRITE


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ETIMEDOUT, 73), (errno.ESTALE, 73), (errno.EHOSTDOWN, 73), (errno.ENOTCONN, 73),
     (errno.ELOOP, 65), (errno.ENAMETOOLONG, 65), (errno.EISDIR, 65), (errno.ENOTDIR, 65)],
)  # fmt: skip
def test_a_file_on_a_server_that_is_away_is_no_outage_of_a_provider(number: int, code: int) -> None:
    assert exit_code_for(OSError(number, os.strerror(number), "/mnt/nas/x")) == code


def test_a_lock_that_is_held_is_75_and_a_locked_database_a_bug(tmp_path: Path) -> None:
    with filelock.FileLock(tmp_path / "job.lock"):
        other = filelock.FileLock(tmp_path / "job.lock", timeout=0, is_singleton=False)
        assert exit_code_for(raised(other.acquire)) == ExitCode.LOCK_BUSY
    database = tmp_path / "queue.sqlite"
    with sqlite3.connect(database, isolation_level=None) as first:
        first.execute("begin exclusive")
        second = sqlite3.connect(database, timeout=0)
        assert exit_code_for(raised(lambda: second.execute("create table t (x)"))) == ExitCode.BUG
        second.close()
        first.execute("commit")


def test_a_full_database_cannot_be_written(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "queue.sqlite") as database:
        database.execute("create table t (x)")
        database.execute("pragma max_page_count = 2")
        error = raised(lambda: database.executemany("insert into t values (?)", [("x" * 900,)] * 99))
    assert exit_code_for(error) == ExitCode.CANNOT_WRITE


def test_a_bug_while_a_network_error_is_handled_is_a_bug() -> None:
    def act() -> None:
        with provider("503") as url:
            try:
                by_requests(url)
            except requests.RequestException:
                _ = {}["close"]

    assert exit_code_for(raised(act)) == ExitCode.BUG


def test_a_foreseen_wrapper_wins_over_what_it_wraps() -> None:
    def wrapped(error: Exception) -> BaseException:
        def act() -> None:
            with provider("503") as url:
                try:
                    by_requests(url)
                except requests.RequestException as cause:
                    raise error from cause

        return raised(act)

    assert exit_code_for(wrapped(StaleDataError("SMP001: last bar 2026-11-18"))) == ExitCode.STALE
    assert exit_code_for(wrapped(ConfigError("data_sources.yaml: no fallback"))) == ExitCode.BAD_CONFIG
    assert exit_code_for(wrapped(ExternalDataUnavailable("outage", provider="feed"))) == ExitCode.EXTERNAL
    assert exit_code_for(wrapped(RuntimeError("lost"))) == ExitCode.BUG


def test_a_group_is_external_only_if_every_member_is() -> None:
    outage = ExternalDataUnavailable("outage", provider="feed")
    assert exit_code_for(ExceptionGroup("two", [outage, requests.ReadTimeout()])) == ExitCode.EXTERNAL
    assert exit_code_for(ExceptionGroup("two", [outage, KeyError("atr")])) == ExitCode.BUG


def test_json_of_our_own_is_a_bug() -> None:
    assert exit_code_for(raised(lambda: json.loads('{"last_ts_ms": 17'))) == ExitCode.BUG


def test_a_pipe_to_a_child_of_ours_is_not_the_network() -> None:
    def act() -> None:
        with subprocess.Popen(["true"], stdin=subprocess.PIPE) as child:
            child.wait()
            assert child.stdin
            child.stdin.write(b"x" * 1_000_000)

    assert exit_code_for(raised(act)) == ExitCode.BUG


@pytest.mark.parametrize(
    "error", [MemoryError(), RecursionError(), AssertionError("429"), TimeoutError("503"), OSError("x")]
)
def test_what_is_not_known_is_a_bug(error: BaseException) -> None:
    assert exit_code_for(error) == ExitCode.BUG


def test_yfinances_rate_limit_is_known_without_asking_yfinance() -> None:
    from yfinance.exceptions import YFRateLimitError

    assert kind_of(YFRateLimitError()) == "rate_limit"


def test_a_certificate_file_of_ours_that_is_none_is_a_bug(tmp_path: Path) -> None:
    pem = tmp_path / "client.pem"
    pem.write_text("not a certificate\n")
    error = raised(lambda: ssl.create_default_context().load_cert_chain(pem, pem))
    assert exit_code_for(error) == ExitCode.BUG
    missing = raised(lambda: requests.get("https://127.0.0.1:9/", verify=str(tmp_path / "absent.pem"), timeout=0.3))
    assert exit_code_for(missing) == ExitCode.BUG
