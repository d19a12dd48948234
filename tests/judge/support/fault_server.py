"""A provider having a bad day: answers every request of a port with one fault. Standard library only.

`python fault_server.py HOST:PORT=FAULT … [--cert FILE --key FILE]` serves plain HTTP, or TLS for `FAULT,tls`.
Faults are the names in `ANSWERS` (a canned answer) and `BEHAVIOURS` (reset, hang, drip, close, truncated, garbage).
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator

JSON = "application/json"
HTML = "text/html; charset=utf-8"


def page(title: str, body: str = "") -> str:
    """A small HTML page."""
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body><h1>{title}</h1>{body}</body></html>\n"


CLOUDFLARE = page(
    "Just a moment...", '<div id="cf-chl-widget">Enable JavaScript and cookies to continue</div>Ray ID: 8f1c2a'
)
LOGIN = page("Log in", '<form action="/login" method="post"><input name="password" type="password"></form>')
# fault -> status line, extra headers, content type, body
ANSWERS: dict[str, tuple[str, dict[str, str], str, str]] = {
    "ok": ("200 OK", {}, JSON, '{"rows": [[1, 2.0]]}'),
    "429": ("429 Too Many Requests", {}, JSON, '{"error": "too many requests"}'),
    "429_text": ("429 Too Many Requests", {}, "text/plain", "Too Many Requests\r\n"),
    "429_retry_after": ("429 Too Many Requests", {"Retry-After": "63"}, JSON, '{"error":"ERR_RATE_LIMIT"}'),
    "429_bfx": ("429 Too Many Requests", {}, JSON, '["error",11010,"ratelimit: error"]'),
    "500_bfx": ("500 Internal Server Error", {}, JSON, '["error",11010,"ratelimit: error"]'),
    "418": (
        "418 I'm a teapot",
        {},
        JSON,
        '{"code":-1003,"msg":"Way too many requests; IP banned until 1763600000000."}',
    ),
    "400": ("400 Bad Request", {}, JSON, '{"message": "invalid timeframe"}'),
    "400_logout": ("400 Bad Request", {}, "text/plain", "LOGOUT"),
    "401": ("401 Unauthorized", {"WWW-Authenticate": "Basic realm=x"}, JSON, '{"message": "unauthorized."}'),
    "403": ("403 Forbidden", {}, JSON, '{"message": "forbidden."}'),
    "403_block": ("403 Forbidden", {"Server": "cloudflare", "cf-mitigated": "challenge"}, HTML, CLOUDFLARE),
    "404": ("404 Not Found", {}, JSON, '{"message": "not found"}'),
    "422": ("422 Unprocessable Entity", {}, JSON, '{"code":42210000,"message": "invalid symbol: ???"}'),
    "451": ("451 Unavailable For Legal Reasons", {}, JSON, '{"message": "restricted location"}'),
    "500": ("500 Internal Server Error", {}, "text/plain", "Internal Server Error"),
    "502": ("502 Bad Gateway", {"Server": "nginx"}, HTML, page("502 Bad Gateway", "<hr><center>nginx</center>")),
    "503": ("503 Service Unavailable", {}, HTML, page("503 Service Temporarily Unavailable", "<hr>nginx")),
    "503_json": ("503 Service Unavailable", {}, JSON, '{"code":503,"error":"temporarily_unavailable"}'),
    "503_bfx": ("503 Service Unavailable", {}, JSON, '["error",20060,"maintenance"]'),
    "504": ("504 Gateway Time-out", {}, HTML, page("504 Gateway Time-out")),
    "html": (
        "200 OK",
        {},
        HTML,
        page("Will be right back...", "Thank you for your patience. Our engineers are on it."),
    ),
    "maintenance": ("200 OK", {}, HTML, page("Scheduled maintenance", "The site is down for maintenance.")),
    "block_200": ("200 OK", {}, HTML, CLOUDFLARE),
    "login": ("200 OK", {}, HTML, LOGIN),
    "empty": ("200 OK", {}, JSON, ""),
    "null": ("200 OK", {}, JSON, "null"),
    "bars_null": ("200 OK", {}, JSON, '{"bars":null,"next_page_token":null}'),
    "half_json": ("200 OK", {}, JSON, '{"rows": [[1, 2.0], [2, '),
    "renamed": ("200 OK", {}, JSON, '{"data_v2": [[1, 2.0]], "output_v2": [], "chart_v2": {}}'),
    "error_200": (
        "200 OK",
        {},
        JSON,
        '{"chart":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}',
    ),
}


def answer(name: str) -> bytes:
    """The whole HTTP response of a canned fault."""
    status, headers, content_type, body = ANSWERS[name]
    content = body.encode()
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(content)}",
        "Connection: close",
    ]
    lines += [f"{header}: {value}" for header, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def reset(connection: socket.socket) -> None:
    """Send RST: what a middlebox does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(_connection: socket.socket) -> None:
    """Take the request and never answer."""
    time.sleep(90)


def drip(connection: socket.socket) -> None:
    """Promise 1000 bytes and send one a second."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(90):
        connection.sendall(b" ")
        time.sleep(1)


def close(_connection: socket.socket) -> None:
    """Hang up without a word."""


def truncated(connection: socket.socket) -> None:
    """Promise 1000 bytes, send 17, hang up."""
    connection.sendall(
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"rows": [[1, 2.0'
    )


def garbage(connection: socket.socket) -> None:
    """Something that is not HTTP (a TLS alert, a captive portal's binary)."""
    connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n")


BEHAVIOURS: dict[str, Callable[[socket.socket], None]] = {
    behaviour.__name__: behaviour for behaviour in (reset, hang, drip, close, truncated, garbage)
}


def read_request(connection: socket.socket) -> bytes:
    """Head and body of one request, so that closing the connection does not turn into a reset."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return data


def handle(connection: socket.socket, fault: str, tls: ssl.SSLContext | None) -> None:
    """One connection, one fault."""
    with contextlib.suppress(OSError, ValueError):
        if tls is not None:
            connection = tls.wrap_socket(connection, server_side=True)
        read_request(connection)
        if fault in BEHAVIOURS:
            BEHAVIOURS[fault](connection)
        else:
            connection.sendall(answer(fault))
    connection.close()


@contextlib.contextmanager
def serving(host: str, port: int, fault: str, tls: ssl.SSLContext | None = None) -> Iterator[socket.socket]:
    """Serve `fault` on host:port (0: a free one) within the block, which gets the listening socket.

    The accepting thread has ended before the socket is closed: it could else accept for whoever gets its number next.
    """
    listener = socket.create_server((host, port), backlog=64)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection, fault, tls), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listener
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listener.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", nargs="+", metavar="HOST:PORT=FAULT[,tls]")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    given = parser.parse_args()
    with contextlib.ExitStack() as running:
        for spec in given.spec:
            address, _, fault = spec.partition("=")
            host, _, port = address.rpartition(":")
            context = None
            if fault.endswith(",tls"):
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.load_cert_chain(given.cert, given.key)
            running.enter_context(serving(host, int(port), fault.removesuffix(",tls"), context))
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
