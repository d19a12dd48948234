"""One connection: CONNECT and TLS, the request, the fault that befalls it, the reply, the record."""

from __future__ import annotations

import json
import socket
import ssl
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tests.fakemarket import control, spoil
from tests.fakemarket.faults import Fault
from tests.fakemarket.wire import Reply, Served, json_reply, parse_target

if TYPE_CHECKING:
    from tests.fakemarket.server import FakeMarket

FORM = "application/x-www-form-urlencoded"
IDLE_S = 120


class Server(ThreadingTCPServer):
    """Not http.server's own, which looks its name up in DNS when it starts."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[Handler], fake: FakeMarket) -> None:
        self.fake = fake
        super().__init__(address, handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what many tests are about; anything else is our bug and shows."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError | ssl.SSLError | BrokenPipeError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # typeshed names the same things


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    server: Server
    tunnel = ""
    gone = False

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_CONNECT(self) -> None:
        """Become the host: answer the tunnel, then speak TLS with a certificate for it."""
        fake, host = self.server.fake, self.path.rpartition(":")[0]
        provider = fake.provider_of(host)
        fault = fake.script.at_connect(provider.name) if provider else None
        if provider is None or (fault and fault.kind == "refuse"):
            line = fake.note(provider.name if provider else "unknown", fake.request("CONNECT", host, "", {}, {}, True))
            line.status, line.fault = (502, "refuse") if fault else (403, "unknown host")
            self._close_with(line.status, f"fakemarket: {host} is {'unreachable' if fault else 'not imitated'}")
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        context = fake.certificates.bad if fault else fake.certificates.good
        if fault:
            fake.note(provider.name, fake.request("CONNECT", host, "", {}, {}, True)).fault = "bad_cert"
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = _Writer(self.connection)  # type: ignore[assignment]  # the one method that is used
        self.tunnel, self.close_connection = host, False

    def serve(self) -> None:
        """Any request other than CONNECT."""
        fake = self.server.fake
        host, path, params = parse_target(self.path)
        host = self.tunnel or host or self.headers.get("Host", "").rpartition(":")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path.startswith(control.PREFIX) and not self.tunnel:
            self._send(control.answer(fake, self.command, path, params, body), None)
            return
        if self.headers.get("Content-Type", "").startswith(FORM):
            params |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = fake.request(self.command, host, path, params, headers, bool(self.tunnel))
        provider = fake.provider_of(host, path)
        line = fake.note(provider.name if provider else "unknown", request)
        if provider is None:
            line.fault = "unknown host"
            self._send(json_reply({"fakemarket": f"{host}{path} is not imitated"}, 403), None, line)
            return
        fault = fake.script.pick(provider.name, request)
        if fault and fault.kind == "refuse":
            line.status, line.fault = 502, "refuse"
            self._close_with(502, f"fakemarket: {host} is unreachable")
            return
        reply = spoil.spoiled(lambda: fake.answer(request, provider), fault, provider, request)
        self._send(reply, fault, line)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = serve

    def _send(self, reply: Reply, fault: Fault | None, line: Served | None = None) -> None:
        if line is not None:
            line.status, line.bytes = reply.status, len(reply.body)
            line.fault = line.fault or (fault.kind if fault else "")
            line.retry_after = reply.headers.get("Retry-After", "")
        if fault and fault.kind == "reset":
            self.close_connection = self.gone = True
            spoil.reset(self.connection)
            return
        headers = {
            "Content-Type": reply.kind,
            "Content-Length": str(len(reply.body)),
            "Server": "fakemarket",
            "Date": formatdate(self.server.fake.clock.now_ms() // 1000, usegmt=True),
            **reply.headers,
        }
        head = f"HTTP/1.1 {reply.status} {self.responses.get(reply.status, ('Unknown',))[0]}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        body = b"" if self.command == "HEAD" else reply.body
        if not spoil.send(self.wfile.write, head.encode(), body, fault, self.server.fake.released):
            self.close_connection = True

    def _close_with(self, status: int, text: str) -> None:
        self.close_connection = True
        self._send(Reply(status=status, body=json.dumps({"error": text}).encode()), None)

    def finish(self) -> None:
        if not self.gone:
            super().finish()
            self.connection.close()  # with TLS another object than the socket that the server closes

    def log_message(self, format: str, *arguments: object) -> None:
        """The record is kept by FakeMarket; nothing is printed."""


class _Writer:
    """wfile on a TLS socket, unbuffered as socketserver's own is."""

    closed = False

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def write(self, data: bytes) -> int:
        self._connection.sendall(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The server closes the connection."""
