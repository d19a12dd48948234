"""Rehearse an outage: serve made-up Yahoo, Bitfinex, KRX, Naver and Alpaca on this machine, with faults to order."""

from __future__ import annotations

import contextlib
import shlex
import signal
from collections.abc import Callable, Sequence
from typing import Any

from tests.fakemarket.faults import KINDS, MEANING, Ban, Fault
from tests.fakemarket.server import FakeMarket, running
from utils.cli import Parser
from utils.errors import UsageError

PROVIDERS = (*(each.name for each in FakeMarket().providers), "*")


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(verb="fakemarket", doc=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="PROVIDER=KIND[,name=value…]",
        help="e.g. yahoo=429,retry_after=60 or '*=503,times=3' or bitfinex=hang,match=candles; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--ban",
        action="append",
        default=[],
        metavar="PROVIDER=N[,name=value…]",
        help="ban after N requests a minute, e.g. krx=10,ban_s=86400",
    )
    parser.add_argument("--kinds", action="store_true", help="list the faults and what they are, then end")
    parser.prog = "python -m tests.fakemarket"
    options = parser.parse_args(argv)
    if options.kinds:
        print("\n".join(f"{kind:<16}{MEANING[kind]}" for kind in KINDS))
        return 0
    rules: list[Fault | Ban] = [parse_fault(text) for text in options.fault]
    rules += [parse_ban(text) for text in options.ban]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), running(options.port) as fake:
        for rule in rules:
            fake.script.add(rule)
        print(told(fake), flush=True)
        while True:  # until Ctrl-C or SIGTERM
            signal.pause()
    return 0


def told(fake: FakeMarket) -> str:
    """The lines to paste into the shell that will run the jobs, and where to look."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in fake.env().items()]
    lines.append(f"# control: curl --noproxy '*' {fake.url}/__control/requests   (Ctrl-C ends the rehearsal)")
    return "\n".join(lines)


def parse_fault(text: str) -> Fault:
    """`yahoo=429,times=3`: a provider (or *), a kind, and fields of Fault. Raises UsageError."""
    provider, kind, named = parse_rule("--fault", "KIND", text)
    try:
        return Fault(provider=provider, kind=kind, **converted(named))
    except (TypeError, ValueError) as problem:
        raise UsageError(f"--fault {text!r}: {problem}") from None


def parse_ban(text: str) -> Ban:
    """`krx=10,ban_s=86400`: a provider (or *), requests allowed per window, and fields of Ban. Raises UsageError."""
    provider, allowed, named = parse_rule("--ban", "N", text)
    try:
        return Ban(provider=provider, allowed=int(allowed), **converted(named))
    except (TypeError, ValueError) as problem:
        raise UsageError(f"--ban {text!r}: {problem}") from None


def parse_rule(flag: str, what: str, text: str) -> tuple[str, str, dict[str, str]]:
    """Provider, what happens to it, and the named rest."""
    first, *rest = text.split(",")
    provider, _, value = first.partition("=")
    if not value or not all("=" in part for part in rest):
        raise UsageError(f"{flag} {text!r}: expected PROVIDER={what}[,name=value…]")
    if provider not in PROVIDERS:
        raise UsageError(f"{flag} {text!r}: unknown provider {provider!r}: one of {', '.join(PROVIDERS)}")
    return provider, value, dict(part.split("=", 1) for part in rest)


def converted(named: dict[str, str]) -> dict[str, Any]:
    """Counts, seconds and yes/no as what they are."""
    types: dict[str, Callable[[str], object]] = {
        "times": int,
        "after": int,
        "every": int,
        "tell": "1".__eq__,
        "extends": "1".__eq__,
    }
    return {name: types.get(name, float if name.endswith("_s") else str)(value) for name, value in named.items()}
