"""The process other people's clients run in. It reads questions from stdin and writes a verdict on each ask to stdout.

A line is a question: its asks, and how they are put. A line is a verdict, and `{"end": true}` follows the last one.
Every HTTP exchange of the client passes `Record.see`, which judges it there and then. At the first failure that settles
the matter the client is stopped, by an exception it cannot catch: it neither retries nor turns a ban into a KeyError.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from pyjobs.market.providers.wire import judged as answers
from pyjobs.market.providers.wire.http_answer import Answer, Fault, Stopped, excerpt, sent_s
from pyjobs.market.providers.wire.scrub import hide, scrubbed
from pyjobs.market.providers.workers.loading import load
from utils.alarm import alarm
from utils.errors import ExternalKind

if TYPE_CHECKING:
    import requests

IDLE_LIMIT_S = 7200
PAUSES_IN_ALL = 3
ENDS_IT = ("rate_limit", "blocked", "auth")
MOST_IN_A_ROW = 3  # failures of another kind, one after the other: then it is not the symbols
JUDGES: dict[str, answers.Judge] = {
    "yfinance": answers.yahoo,
    "pykrx": answers.krx,
    "pykrx_shares": answers.krx_shares,
    "alpaca": answers.alpaca,
}
NEEDED: dict[str, Callable[[str], bool]] = {"yfinance": answers.is_yahoo_chart}
"""By call. A chart needs neither cookie nor crumb: half the requests, and of those banned first all but one."""
NAMED_BY_CLIENTS: dict[str, ExternalKind] = {
    "YFTzMissingError": "no_data",
    "YFPricesMissingError": "no_data",
    "YFTickerMissingError": "no_data",
    "BadSymbol": "no_data",
    "RateLimitExceeded": "rate_limit",
    "DDoSProtection": "rate_limit",
    "ExchangeNotAvailable": "outage",
    "RequestTimeout": "timeout",
    "RestrictedLocation": "blocked",
    "AuthenticationError": "auth",
}
"""What only a client can read: an error that an exchange sends with status 200, in words of its own."""


class Record:
    """The exchanges of one ask: how many, the failure that settled the matter, and the last one that did not.

    `needed` decides for an address whether it is asked at all while no answer has refused us for want of a login.
    """

    def __init__(self, judge: answers.Judge, needed: Callable[[str], bool] = lambda _: True) -> None:
        self.judge, self.needed = judge, needed
        self.count = 0
        self.sent_s: float | None = None
        self.settled: Fault | None = None
        self.pending: Fault | None = None

    def before(self, url: str) -> bool:
        """Whether to send it. After the end nothing is sent, should a client have swallowed it."""
        if self.settled:
            raise Stopped(self.settled)
        return self.needed(url) or (self.pending is not None and self.pending.kind == "auth")

    def see(self, answer: Answer) -> None:
        """Judge an exchange; raises Stopped when nothing more may be sent."""
        self.count += 1
        self.sent_s = max(filter(None, (self.sent_s, sent_s(answer))), default=None)
        fault = self.judge(answer, time.time())
        if fault is None:
            return
        if fault.final:
            self.settled = fault
            raise Stopped(fault)
        self.pending = fault


class Watch:
    """Sees every exchange of this process; `record` is that of the ask it belongs to. One for the whole process."""

    def __init__(self) -> None:
        self.record = Record(answers.any_json)
        self.pause_s = 10.0
        watch_requests(self)
        watch_curl(self)


def main() -> int:
    """Answer the questions on stdin. stdout and stderr of the client go nowhere: they hold user names and URLs."""
    out = os.fdopen(os.dup(1), "wb")
    os.umask(0o077)  # what a client keeps, its cookies among it, is for no other user
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    idle = end_after(IDLE_LIMIT_S)
    load(sys.stdin.readline().strip())
    watch = None
    while asked := sys.stdin.readline():
        watch = watch or Watch()
        idle.cancel()
        question = json.loads(asked)
        busy = end_after(question["limit_s"] + 5)
        secrets = question.pop("secrets")
        hide(secrets.values())
        for entry in itertools.chain(verdicts(question, secrets, watch), [{"end": True}]):
            safe = {name: value if name == "rows" else scrubbed(value) for name, value in entry.items()}
            out.write(msgspec.json.encode(safe) + b"\n")
            out.flush()
        busy.cancel()
        idle = end_after(IDLE_LIMIT_S)
    os._exit(0)  # taking down pandas and curl would only keep the parent waiting


def end_after(seconds: float) -> threading.Timer:
    """End this process then, should its parent be gone; cancel it when all is well."""
    timer = threading.Timer(seconds, os._exit, [1])
    timer.daemon = True
    timer.start()
    return timer


def verdicts(question: dict[str, Any], secrets: dict[str, str], watch: Watch) -> Iterator[dict[str, Any]]:
    """One for each ask in turn, with its place as `at`, to the first failure after which nothing more may be sent."""
    failed = 0
    for at, ask in enumerate(question["asks"]):
        if at:
            time.sleep(question["gap_s"])
        found = verdict({**question, **ask}, secrets, watch)
        yield {"at": at, **found}
        kind = found["fault"]["kind"] if "fault" in found else ""
        failed = failed + 1 if kind not in ("", "no_data") else 0
        if kind in ENDS_IT or failed == MOST_IN_A_ROW or "missing" in found or "bug" in found:
            return


def verdict(ask: dict[str, Any], secrets: dict[str, str], watch: Watch) -> dict[str, Any]:
    """`{"rows": …, "sent_s": …}` and what else a client sends, `{"fault": …}`, `{"missing": …}` or `{"bug": …}`."""
    client, call = ask["client"], ask.get("call", ask["client"])
    record = Record(judge_of(client, ask.get("symbol", "")), NEEDED.get(call, lambda _: True))
    watch.record, watch.pause_s = record, ask["pause_s"]
    try:
        from pyjobs.market.providers.workers.client_calls import CALLS

        found = CALLS[call](ask, secrets)
    except Stopped as stop:
        return _told(stop.fault)
    except ImportError as error:
        return {"missing": error.name or client}
    except Exception as error:  # noqa: BLE001 - whatever a client raises, the wire has said what happened
        return _after_exception(error, record)
    answer = found if isinstance(found, dict) else {"rows": found}
    fault = record.settled or (None if answer["rows"] or answer.get("invalid") else record.pending)
    return _told(fault) if fault else {**answer, "sent_s": record.sent_s}


def judge_of(client: str, symbol: str) -> answers.Judge:
    """How this client's answers are judged; of ccxt's exchanges only a few are known by their shapes."""
    if client == "ccxt":
        return answers.OF_EXCHANGES.get(symbol.partition(":")[0], answers.any_json)
    return JUDGES[client]


def watch_requests(watch: Watch) -> None:
    """Let every exchange of every requests.Session in this process be seen, and none last for ever."""
    import requests

    from pyjobs.market.providers.workers.client_calls import answer_of

    send = requests.Session.send
    if not hasattr(
        requests.exceptions, "DNSError"
    ):  # only curl_cffi's has it; yfinance 1.7.0, data.py, names it with either
        requests.exceptions.DNSError = NotNeeded  # type: ignore[attr-defined]  # only in this process

    def seen(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        options["timeout"] = _limited(options.get("timeout"), watch.pause_s)
        url = str(request.url).split("?")[0]
        record = watch.record
        if not record.before(url):
            raise NotNeeded(url)
        longest_s = PAUSES_IN_ALL * watch.pause_s  # requests' own limit is for each byte, and a server may drip
        with alarm(longest_s, TimeoutError(f"still sending after {longest_s:g} s")):
            response = _exchange(record, url, lambda: send(session, request, **options))
        record.see(answer_of(response))
        return response  # type: ignore[no-any-return]  # _exchange passes on what send returns

    requests.Session.send = seen  # type: ignore[method-assign,assignment]  # only in this process


def watch_curl(watch: Watch) -> None:
    """Watch curl_cffi, which yfinance uses when it is installed."""
    try:
        from curl_cffi.requests import Session
    except ImportError:
        return
    from pyjobs.market.providers.workers.client_calls import answer_of

    request = Session.request

    def seen(session: Any, method: Any, url: str, *args: Any, **options: Any) -> Any:
        options["timeout"] = _limited(options.get("timeout"), watch.pause_s)
        record = watch.record
        if not record.before(url):
            raise NotNeeded(url)
        response = _exchange(record, url.split("?")[0], lambda: request(session, method, url, *args, **options))
        record.see(answer_of(response))
        return response

    Session.request = seen  # type: ignore[method-assign,assignment]  # as above


def _exchange(record: Record, url: str, send: Callable[[], Any]) -> Any:
    """Send; a transport failure is seen before the client gets it."""
    from pyjobs.market.providers.wire.http import failed

    try:
        return send()
    except OSError as error:  # requests' and curl_cffi's exceptions are OSErrors, as are a socket's
        record.see(failed(url, error))
        raise


class NotNeeded(ConnectionError):
    """In place of a request that is not needed; clients take it for a connection that failed, and do without."""


def _limited(timeout: Any, pause_s: float) -> float:
    """A client's own time limit, but never none and never more than ours."""
    return min(timeout, pause_s) if isinstance(timeout, int | float) else pause_s


def _after_exception(error: Exception, record: Record) -> dict[str, Any]:
    """A client failed although no answer settled the matter: it could not read what it was given."""
    found = record.settled or record.pending  # yfinance 1.7.0 without curl_cffi makes an AttributeError of our end
    named = next((kind for kind in map(NAMED_BY_CLIENTS.get, map(_name, type(error).__mro__)) if kind), None)
    clear = named not in (None, "outage")  # to ccxt (4.5.64, base/exchange.py) many a refusal is an outage
    if found and (found.final or found.kind != "schema" or not clear):
        return _told(found)
    if named == "no_data":
        return _told(Fault(named, "no such symbol", retry_after_s=0.0))
    if named:
        return _told(Fault(named, f"the client raises {_name(type(error))}: {excerpt(str(error))}"))
    if record.count:
        return _told(Fault("schema", f"the client cannot read the answer ({type(error).__name__})"))
    return {"bug": "".join(traceback.format_exception(error))}


def _name(cls: type) -> str:
    return cls.__name__


def _told(fault: Fault) -> dict[str, Any]:
    return {"fault": {"kind": fault.kind, "detail": fault.detail, "retry_after_s": fault.retry_after_s}}


if __name__ == "__main__":
    sys.exit(main())
