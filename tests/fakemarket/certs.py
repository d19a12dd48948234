"""A throw-away certificate authority and one certificate for all imitated hosts, made by the `openssl` program.

The keys live in a private temporary folder for as long as the server runs; nothing trusts them but who is told to.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from utils.errors import MissingInputError

DAYS = "30"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """`ca` is what clients are given; `good` is signed by it, `bad` by an authority nobody has."""

    ca: Path
    good: ssl.SSLContext
    bad: ssl.SSLContext


def make(folder: Path, hosts: list[str]) -> Certificates:
    """Make everything in `folder`. Raises MissingInputError when there is no `openssl` to make it with."""
    if shutil.which("openssl") is None:
        raise MissingInputError(
            "fakemarket needs the `openssl` program for its throw-away certificates: install openssl"
        )
    ca, known = _authority(folder, "ca"), _authority(folder, "stranger")
    return Certificates(
        ca=ca, good=_context(_signed(folder, "good", ca, hosts)), bad=_context(_signed(folder, "bad", known, hosts))
    )


def _authority(folder: Path, name: str) -> Path:
    certificate = folder / f"{name}.pem"
    _openssl(
        "req", "-x509", "-nodes", "-days", DAYS, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-keyout", str(folder / f"{name}.key"), "-out", str(certificate), "-subj", f"/CN=fakemarket {name}",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    return certificate


def _signed(folder: Path, name: str, authority: Path, hosts: list[str]) -> Path:
    """A file with key and certificate for `hosts`."""
    key, request, certificate = (folder / f"{name}.{ending}" for ending in ("leaf.key", "csr", "crt"))
    _openssl(
        "req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-keyout", str(key), "-out", str(request), "-subj", "/CN=fakemarket",
    )  # fmt: skip
    names = ",".join(f"DNS:{host}" for host in hosts) + ",IP:127.0.0.1"
    extensions = folder / f"{name}.ext"
    extensions.write_text(
        f"subjectAltName={names}\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    _openssl(
        "x509", "-req", "-in", str(request), "-CA", str(authority), "-CAkey", str(authority.with_suffix(".key")),
        "-CAcreateserial", "-days", DAYS, "-sha256", "-extfile", str(extensions), "-out", str(certificate),
    )  # fmt: skip
    both = folder / f"{name}.both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    return both


def _context(both: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _openssl(*arguments: str) -> None:
    ended = subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
    )
    if ended.returncode:
        raise MissingInputError(f"openssl {arguments[0]} failed: {ended.stderr.strip()[-400:]}")
