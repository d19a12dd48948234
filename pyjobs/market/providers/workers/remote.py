"""The providers that need other people's clients. Their questions go to a process of its own, with a time limit."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

from pyjobs.market.bars import FETCHED, TIMEFRAME_MS
from pyjobs.market.providers import RATE_LIMIT_GROUPS
from pyjobs.market.providers.base import (
    LONGEST_FETCH_S,
    About,
    BarRequest,
    Event,
    Fetched,
    NotSetUp,
    Refused,
    Unasked,
)
from pyjobs.market.providers.identity import check_about
from pyjobs.market.providers.rows import to_fetched, true_now_ms
from pyjobs.market.providers.workers.client_process import ClientProcess
from pyjobs.market.store.partitions import Adjusted
from pyjobs.market.times import utc_text
from utils import paths
from utils.errors import ExternalDataUnavailable, MisfitError, NightdeskError, UsageError
from utils.settings import credentials

HOUR_MS = 3_600_000
NEWEST_ONLY = 50  # some exchanges send so many candles or more up to the present, wherever the range begins
CLASS = re.compile(r"([A-Z]{1,5})([.-])([A-Z])")
Asked = TypeVar("Asked", BarRequest, str)


class Remote:
    """One client behind the Provider interface; the classes below, and in yahoo and alpaca, add the differences.

    `keeps`: the process serves the next question too; else each has a new one.
    """

    name: str
    client: str
    package: str
    network = True
    keeps = False
    needs: tuple[str, ...] = ()
    adjusted: Adjusted = "raw"
    timeframes: tuple[str, ...] = FETCHED
    revised_for_ms = HOUR_MS
    pause_s = 10.0
    class_mark = ""
    """What stands between a share and its class: BRK-B, BRK.B; "" where no shares are to be had."""
    near_s = 7 * 86_400
    """How far from the range asked for the nearest end of an answer may lie, as its margins do; 0: anywhere."""

    def __init__(self) -> None:
        self._process = ClientProcess(self.client)

    def prepare(self) -> None:
        """Start the process and let it load the client, so that the next question leaves without delay."""
        self._process.prepare()

    def rate_limit_group(self, request: BarRequest) -> str:  # noqa: ARG002 - ccxt's depends on it
        """The server that it asks."""
        return RATE_LIMIT_GROUPS[self.name]

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:  # noqa: ARG002 - Yahoo's has one
        """Nothing: the store is the cache."""
        return None

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = LONGEST_FETCH_S) -> Fetched:
        """The bars of the range; Refused with its kind, ConfirmedEmpty, NotSetUp."""
        return self.read(self.verdict(request, now_ms, limit_s), request, now_ms)

    def verdict(self, request: BarRequest, now_ms: int, limit_s: float) -> dict[str, Any]:
        """The client's answers within `limit_s`, which includes loading the client."""
        question = self.question([self.asked(request, now_ms)], limit_s)
        for entry in self.verdicts(question, request.symbol):
            return entry
        raise RuntimeError(f"{self.name}: the worker has answered nothing")

    def asked(self, request: BarRequest, now_ms: int) -> dict[str, Any]:
        """The part of a request that a client gets. Raises UsageError for what the provider does not have."""
        if request.timeframe not in self.timeframes:
            raise UsageError(
                f"{self.name} has no timeframe {request.timeframe!r} (it has {', '.join(self.timeframes)})"
            )
        return {
            "symbol": request.symbol,
            "timeframe": request.timeframe,
            "step_ms": TIMEFRAME_MS[request.timeframe],
            "start_ms": request.start_ms,
            "end_ms": min(request.end_ms, now_ms),
        }

    def question(self, asks: list[dict[str, Any]], limit_s: float, *, gap_s: float = 0.0) -> dict[str, Any]:
        """The whole question, credentials included; raises NotSetUp without those."""
        return {
            "asks": asks,
            "client": self.client,
            "adjusted": self.adjusted == "adjusted",
            "cache_folder": str(paths.data_dir() / "webcache" / "yf-client"),
            "limit_s": limit_s,
            "pause_s": self.pause_s,
            "gap_s": gap_s,
            "secrets": {name: self.secret(name) for name in self.needs},
        }

    def secret(self, name: str) -> str:
        """The credential of that name; raises NotSetUp."""
        value = credentials.for_provider(name)
        if not value:
            also = f" (nor {credentials.ALSO[name]})" if name in credentials.ALSO else ""
            raise NotSetUp(
                f"{self.name}: {name} is not set{also}: put a line {name}=… into {paths.root() / '.env'} (chmod 600)"
            )
        return value

    def verdicts(self, question: Mapping[str, Any], symbol: str) -> Iterator[dict[str, Any]]:
        """The verdicts on `question`, as they come; the one that is not there in time is Refused(timeout)."""
        try:
            yield from self._process.answers(question)
        except TimeoutError:
            raise self.refused("timeout", symbol, f"no answer within {question['limit_s']:.0f} s") from None
        finally:
            if not self.keeps:
                self._process.end()

    def verdicts_by_group(
        self, question: Mapping[str, Any], groups: Sequence[Sequence[Asked]], name_of: Callable[[Asked], str]
    ) -> Iterator[tuple[Sequence[Asked], dict[str, Any] | Refused]]:
        """Each group of `question`'s asks with its verdict or failure; after the last one that was asked, `Unasked`.

        Raises NotSetUp when this machine cannot ask at all.
        """
        failure, at = None, 0
        try:
            for entry in self.verdicts(question, name_of(groups[0][0])):
                group, at = groups[entry["at"]], entry["at"] + 1
                try:
                    self.check(entry, name_of(group[0]))
                except Refused as error:
                    failure = error
                    yield group, error
                else:
                    yield group, entry
        except Refused as error:
            failure = self.refused(error.kind, name_of(groups[at][0]), error.detail) if at < len(groups) else error
            yield from [(group, failure) for group in groups[at : at + 1]]
            at += 1
        for group in groups[at:]:
            kind = failure.kind if failure else "outage"
            detail = f"not asked, after {failure.symbol}: {failure.detail}" if failure else "not asked"
            yield group, Unasked(kind, provider=self.name, symbol=name_of(group[0]), detail=detail)

    def check(self, record: Mapping[str, Any], symbol: str) -> None:
        """Raise the error of a verdict that is no answer."""
        if "rows" in record:
            return
        if "fault" in record:
            raise self.refused(symbol=symbol, **record["fault"])
        if "missing" in record:
            raise NotSetUp(
                f"{self.name}: the Python package {self.package} is not installed here (no {record['missing']})"
                ": `make setup-providers`, or take the provider out of config/data_sources.yaml"
            )
        raise RuntimeError(f"{self.name}: in the worker:\n{record.get('bug')}")

    def read(self, record: Mapping[str, Any], request: BarRequest, now_ms: int) -> Fetched:
        """The bars of a verdict, no bar later than its provider's clock; Refused, ConfirmedEmpty, NotSetUp."""
        self.check(record, request.symbol)
        return self.fetched(record["rows"], request, true_now_ms(now_ms, record.get("sent_s")), record)

    def fetched(self, rows: Any, request: BarRequest, now_ms: int, record: Mapping[str, Any]) -> Fetched:
        """The rows as bars, as they were at `now_ms`, with what came along with them.

        Raises Refused(schema) for rows of which none lies near the days that were asked for, and as `check_about`:
        before the rows are read, for those of another market may all lie outside this one's sessions.
        """
        about = About(**record["about"]) if record.get("about") else None
        if about is not None:
            check_about(about, self.name, request)
        if self.near_s and rows and not any(_near(row[0], request, self.near_s * 1000) for row in (rows[0], rows[-1])):
            detail = f"it answers about {_when(rows[0][0])} to {_when(rows[-1][0])}, which was not asked for"
            raise self.refused("schema", request.symbol, detail, 0.0)
        found = to_fetched(
            rows, request, provider=self.name, adjusted=self.label(request, record), now_ms=now_ms,
            revised_for_ms=self.revised_for_ms,
        )  # fmt: skip
        events = record.get("events") or []
        if about is None and not events:
            return replace(found, remark=record["remark"]) if record.get("remark") else found
        late = tuple((session, factor) for session, factor in record.get("worked_in") or [])
        return replace(found, about=about, events=tuple(Event(**one) for one in events), worked_in=late)

    def label(self, request: BarRequest, record: Mapping[str, Any]) -> Adjusted:  # noqa: ARG002 - Yahoo's depends on them
        """The basis of the prices of an answer."""
        return self.adjusted

    def refused(self, kind: Any, symbol: str, detail: str, retry_after_s: float | None = None) -> Refused:
        """The failure of one attempt, in this provider's name; where a class of shares is spelt otherwise, with how."""
        found = CLASS.fullmatch(symbol) if kind == "no_data" and self.class_mark else None
        if found and found[2] != self.class_mark:
            detail += f"; a class of shares is written {found[1]}{self.class_mark}{found[3]} here"
        return Refused(kind, provider=self.name, symbol=symbol, detail=detail, retry_after_s=retry_after_s)


class PykrxIndex(Remote):
    """A KRX index by its number, through pykrx. KRX requires a login since the end of February 2026.

    https://github.com/sharebook-kr/pykrx/issues/276 and 278
    """

    name = "pykrx_index"
    client = "pykrx"
    package = "pykrx"
    needs = ("KRX_ID", "KRX_PW")
    timeframes = ("1d",)


class Ccxt(Remote):
    """Any exchange of ccxt: the symbol is `exchange:PAIR`."""

    name = "ccxt"
    client = "ccxt"
    package = "ccxt"
    revised_for_ms = 60_000
    near_s = 0  # some exchanges send their newest candles wherever the range lies

    def rate_limit_group(self, request: BarRequest) -> str:
        """The exchange: one that bans ccxt bans our own client too."""
        return quote(request.symbol.partition(":")[0], safe="")

    def fetched(self, rows: Any, request: BarRequest, now_ms: int, record: Mapping[str, Any]) -> Fetched:
        """As every Remote; what lies before an exchange's newest candles, when it sends only those, is not answered."""
        step_ms = TIMEFRAME_MS[request.timeframe]
        if len(rows) >= NEWEST_ONLY and rows[-1][0] + 3 * step_ms > now_ms:
            request = replace(request, start_ms=max(request.start_ms, rows[0][0] + step_ms))
        if request.start_ms > request.end_ms:
            detail = f"it sends its newest {len(rows)} candles only, and the range lies before them"
            raise self.refused("no_data", request.symbol, detail)
        return super().fetched(rows, request, now_ms, record)


def _near(label: str | float, request: BarRequest, margin_ms: int) -> bool:
    """Whether a row's date, or its start in milliseconds, is within `margin_ms` of the range."""
    day = isinstance(label, str)
    at_ms = dt.datetime.fromisoformat(f"{label}T12:00+00:00").timestamp() * 1000 if day else float(label)
    return request.start_ms - margin_ms <= at_ms <= request.end_ms + margin_ms


def _when(label: str | float) -> str:
    return label if isinstance(label, str) else utc_text(int(label))


def each_or_error(
    groups: Sequence[BarRequest], read: Callable[[BarRequest], Fetched]
) -> Iterator[tuple[BarRequest, Fetched | NightdeskError]]:
    """The result of `read` for each request of one verdict, or its error."""
    for request in groups:
        try:
            yield request, read(request)
        except (ExternalDataUnavailable, MisfitError) as error:
            yield request, error
