"""A verdict reaches a person: over real HTTP on loopback, on a change of state, one recovery, never on a repeat."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pyjobs.runs.alerts import bell
from pyjobs.runs.verdict.findings import Check

NIGHT = Check(
    "nightly", "FAIL", "2026-11-20: failed: exit 65 at 22:11:02 UTC+9; see logs/nightly_2026-11-20.log", "job"
)
EOD = Check("report_eod", "FAIL", "2026-11-20: never started", "job")
WELL = Check("nightly", "OK", "2026-11-20: ran", "job")
LATE = Check("data KRX:005930:1d", "WARN", "1 session behind", "data")


class Listener(ThreadingHTTPServer):
    """Keeps what was posted; answers with `status`, after `pause_s`."""

    got: list[tuple[str, str]]
    status, pause_s = 200, 0.0


@pytest.fixture
def listener() -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        server: Listener

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            time.sleep(self.server.pause_s)
            self.server.got.append((self.path, body))
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    server = Listener(("127.0.0.1", 0), Handler)
    server.got = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def ring(tmp_path: Path, listener: Listener):  # type: ignore[no-untyped-def]  # a small function
    def of(*checks: Check, keys: str = "ping: http://127.0.0.1:{port}/mine\n", mode: int = 0o600) -> Check | None:
        path = tmp_path / "secret/alerts.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(keys.format(port=listener.server_address[1]))
        path.chmod(mode)
        return bell.ring(checks, time.time(), secret=path.parent, keep_in=[tmp_path / "data", tmp_path / "logs"])

    return of


def test_a_failure_is_told_once_and_its_recovery_once(ring, listener: Listener) -> None:  # type: ignore[no-untyped-def]
    for checks in ([WELL], [NIGHT], [NIGHT], [NIGHT], [WELL], [WELL], [LATE], [NIGHT], [WELL]):
        assert ring(*checks).state == "OK"
    assert [path for path, _ in listener.got] == ["/mine/fail", "/mine", "/mine/fail", "/mine"]
    first = listener.got[0][1].splitlines()
    assert "FAIL nightly" in first[0] and "exit 65" in first[1]
    assert first[-1] == "next: `jobs/why.sh nightly`"
    assert "well again" in listener.got[1][1]


def test_another_failure_is_news_and_one_that_is_mended_while_another_lasts_is_none(ring, listener: Listener) -> None:  # type: ignore[no-untyped-def]
    for checks in ([NIGHT], [NIGHT, EOD], [EOD], [WELL]):
        ring(*checks)
    assert [path for path, _ in listener.got] == ["/mine/fail", "/mine/fail", "/mine"]


def test_who_could_not_be_reached_is_told_later(ring, listener: Listener) -> None:  # type: ignore[no-untyped-def]
    listener.status = 503
    assert (ring(NIGHT).state, ring(NIGHT).detail) == ("WARN", "ping: it answered 503")
    listener.status = 200
    assert ring(NIGHT).state == "OK"
    assert ring(NIGHT).detail == "nothing new to report"
    assert len(listener.got) == 3


def test_an_address_that_never_answers_costs_a_second_and_no_more(ring, listener: Listener) -> None:  # type: ignore[no-untyped-def]
    listener.pause_s, began = 30.0, time.monotonic()
    said = ring(NIGHT, keys="ping: http://127.0.0.1:{port}/mine\ntimeout_s: 1\n")
    assert (said.state, said.detail) == ("WARN", "ping: no answer in 1 s")
    assert time.monotonic() - began < 15


def test_an_address_that_never_answers_keeps_nothing_from_the_others(ring, listener: Listener) -> None:  # type: ignore[no-untyped-def]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keys = f"ping: http://127.0.0.1:{{port}}/mine\napprise: ['json://127.0.0.1:{silent.getsockname()[1]}/']\n"
        deaf = f"heartbeat: http://127.0.0.1:{silent.getsockname()[1]}/\ntimeout_s: 1\n"
        said = ring(NIGHT, keys=keys + deaf)
    assert "heartbeat: no answer in 1 s" in said.detail and "ping" not in said.detail
    assert [path for path, _ in listener.got] == ["/mine/fail"]


def test_a_heartbeat_is_sent_at_every_look(ring, listener: Listener) -> None:  # type: ignore[no-untyped-def]
    for checks in ([WELL], [WELL], [NIGHT]):
        ring(*checks, keys="heartbeat: http://127.0.0.1:{port}/alive\n")
    assert [path for path, _ in listener.got] == ["/alive", "/alive", "/alive/fail"]


def test_what_was_told_is_kept_elsewhere_when_a_disk_takes_nothing(ring, listener: Listener, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "data").write_text("a file where a folder should be")
    for _ in range(3):
        ring(NIGHT)
    assert len(listener.got) == 1
    kept = (tmp_path / "logs/alerts_told.json").read_text()
    assert "nightly" in kept and "127.0.0.1" not in kept  # an address is a secret


def test_a_file_that_others_may_read_or_that_is_wrong_is_a_warning(ring, listener: Listener) -> None:  # type: ignore[no-untyped-def]
    assert "chmod 600" in ring(NIGHT, mode=0o644).detail
    assert "pings" in ring(NIGHT, keys="pings: x\n").detail
    assert ring(NIGHT, keys="ping: ftp://127.0.0.1:{port}/\n").detail == "ping: not an http or https address"
    assert listener.got == []


def test_without_the_file_nobody_is_told(tmp_path: Path) -> None:
    assert bell.ring([NIGHT], 1.0, secret=tmp_path, keep_in=[tmp_path]) is None
    assert list(tmp_path.iterdir()) == []


def test_apprise_that_is_not_installed_is_said(ring) -> None:  # type: ignore[no-untyped-def]
    try:
        import apprise  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        assert (
            "the package apprise is not installed" in ring(NIGHT, keys='apprise: ["json://127.0.0.1:{port}/"]\n').detail
        )
    else:
        assert ring(NIGHT, keys='apprise: ["json://127.0.0.1:{port}/"]\n').state == "OK"
