"""What can go wrong, and the script of when: rules in order, the first that fits a request is served.

A kind is something seen on the wire, not an error class: the same outage looks different at each provider, so a status
comes with the body that provider sends (`Provider.failure`), and the rest is the same everywhere.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.fakemarket.wire import Request, target

STATUS_KINDS = ("429", "418", "500", "503", "401", "403", "404")
BODY_KINDS = ("html", "empty", "null", "null_bars", "cut_json", "renamed", "block200", "block403", "login", "echo")
MIXED_KINDS = (
    "other_symbol", "other_currency", "other_zone", "other_day", "other_length", "unadjusted", "undivided", "unsplit",
    "other_unit", "some_units", "untrue_row",
)  # fmt: skip
SOCKET_KINDS = ("short_body", "reset", "hang", "drip", "bad_cert", "refuse")
KINDS = STATUS_KINDS + BODY_KINDS + MIXED_KINDS + SOCKET_KINDS

MEANING = {
    "429": "too many requests, with Retry-After when `retry_after` is given",
    "418": "banned, as some exchanges put it",
    "500": "the provider's own error",
    "503": "maintenance or overload",
    "401": "key, session or crumb refused",
    "403": "not allowed with this subscription",
    "404": "no such thing",
    "html": "a maintenance page with status 200",
    "empty": "status 200 and no byte",
    "null": "status 200 and the JSON value null",
    "null_bars": "the provider's envelope with null where the bars belong",
    "cut_json": "a whole HTTP answer whose text ends in the middle",
    "renamed": "right bars under another field name",
    "block200": "a page that says this address is blocked, with status 200",
    "block403": "the same page with status 403",
    "login": "a login page instead of data, with status 200",
    "echo": "an error page that repeats the request, headers and form too, in the forms servers use",
    "other_symbol": "right bars or quotes that say they are another symbol's (Yahoo, Alpaca)",
    "other_currency": "the same in pence, GBp (Yahoo)",
    "other_zone": "the same from London (Yahoo)",
    "other_day": "bars of four weeks before (Yahoo, Alpaca)",
    "other_length": "bars that say they are weeks (Yahoo)",
    "untrue_row": "a second row whose high is half its low (Yahoo)",
    "unadjusted": "days without their adjusted closes (Yahoo)",
    "other_unit": "the newest row in pounds instead of pence, a hundredth of those before (Yahoo)",
    "some_units": "two rows in the middle in pounds, not pence, and one high a hundred times too high (Yahoo)",
    "undivided": "adjusted closes that have none of the dividends that are told (Yahoo)",
    "unsplit": "a split that is told and not worked into the prices before it (Yahoo)",
    "short_body": "the connection ends before Content-Length is reached",
    "reset": "the connection is reset before any answer",
    "hang": "the request is taken and never answered",
    "drip": "the answer comes one byte every `pause_s` seconds",
    "bad_cert": "a certificate of an unknown authority",
    "refuse": "the proxy cannot reach the host",
}


@dataclass(slots=True, kw_only=True)
class Fault:
    """Serve `kind` to the requests that fit: `provider` (or `*`), `match` within `path?name=value&…`.

    The first `after` of them are answered as usual, then of each `every` requests the last is spoiled; `times` limits
    how many are in all (None: no limit). `retry_after` is the header's value, `date+N` for the date N seconds away.
    `variant` picks another body of the provider (`object`, `list`; Yahoo: `unknown`), and the status of an echo (400).
    `seen` and `served` count.
    """

    kind: str
    provider: str = "*"
    match: str = ""
    times: int | None = None
    after: int = 0
    every: int = 1
    retry_after: str | None = None
    pause_s: float = 0.5
    variant: str = ""
    seen: int = 0
    served: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}: one of {', '.join(KINDS)}")
        if self.every < 1:
            raise ValueError(f"every={self.every} is not 1 or more")

    def fits(self, provider: str, target: str) -> bool:
        return self.provider in ("*", provider) and self.match in target

    def claim(self) -> bool:
        """Count one request that fits, and say whether it is spoiled."""
        self.seen += 1
        turn = self.seen > self.after and (self.seen - self.after) % self.every == 0
        if not turn or (self.times is not None and self.served >= self.times):
            return False
        self.served += 1
        return True


@dataclass(slots=True, kw_only=True)
class Ban:
    """More than `allowed` requests within `window_s` ban the caller for `ban_s`, all in simulated time.

    `extends`: each request made while banned starts the time anew, as KRX and some exchanges do.
    """

    provider: str
    allowed: int
    window_s: float = 60.0
    ban_s: float = 86_400.0
    kind: str = "429"
    tell: bool = False
    extends: bool = False
    until_ms: int = 0
    refused: int = 0
    times_ms: list[int] = field(default_factory=list)

    def claim(self, now_ms: int) -> Fault | None:
        """Count one request; the fault to serve when it comes during a ban or starts one."""
        if now_ms >= self.until_ms:
            self.times_ms = [*(at for at in self.times_ms if at > now_ms - self.window_s * 1000), now_ms]
            if len(self.times_ms) <= self.allowed:
                return None
            self.times_ms = []
            self.until_ms = now_ms + round(self.ban_s * 1000)
        elif self.extends:
            self.until_ms = now_ms + round(self.ban_s * 1000)
        self.refused += 1
        left_s = -(-(self.until_ms - now_ms) // 1000)
        return Fault(kind=self.kind, provider=self.provider, retry_after=str(left_s) if self.tell else None)


class Script:
    """The faults and bans in force. Rules are tried in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.faults: list[Fault] = []
        self.bans: list[Ban] = []

    def clear(self) -> None:
        with self._lock:
            self.faults.clear()
            self.bans.clear()

    def add(self, rule: Fault | Ban) -> None:
        with self._lock:
            if isinstance(rule, Ban):
                self.bans.append(rule)
            else:
                self.faults.append(rule)

    def at_connect(self, provider: str) -> Fault | None:
        """The fault that shows before any request: it is asked for once per new connection."""
        with self._lock:
            kinds = ("bad_cert", "refuse")
            return next(
                (one for one in self.faults if one.kind in kinds and one.fits(provider, "") and one.claim()), None
            )

    def pick(self, provider: str, request: Request) -> Fault | None:
        """The fault this request is answered with, or None: a ban first."""
        asked = target(request.path, request.params)
        with self._lock:
            for ban in self.bans:
                if ban.provider in ("*", provider) and (banned := ban.claim(request.now_ms)):
                    return banned
            for one in self.faults:
                plain = not request.secure and one.kind == "refuse"
                if (plain or one.kind not in ("bad_cert", "refuse")) and one.fits(provider, asked) and one.claim():
                    return one
        return None
