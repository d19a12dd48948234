"""KRX's shares, raw, through pykrx: all of a board by the session, or one by its six-digit code.

Both need KRX's login (KRX_ID, KRX_PW), which costs five requests and holds for one process. The codes' ISINs, by which
KRX knows a share, are asked for once a day and kept in data/webcache/krx/.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyjobs.market.calendars.hours import hours_of
from pyjobs.market.provider_names import GATES
from pyjobs.market.providers.ask import Patience, network_allowed
from pyjobs.market.providers.base import LONGEST_FETCH_S, BarRequest, ConfirmedEmpty, Fetched
from pyjobs.market.providers.in_turns import Asking, in_turns
from pyjobs.market.providers.krx_board import BOARDS, MARKET, NAME, BoardDay, NoBoard, ShareDay, board_day, share_days
from pyjobs.market.providers.remote import Remote
from pyjobs.market.providers.rows import Row, to_fetched, true_now_ms
from pyjobs.market.providers.state import StateBook
from utils import clock, paths
from utils.atomic import sweep, write_text
from utils.errors import ExternalDataUnavailable, NetworkForbidden, NightdeskError, UsageError

SETTLED_MS = 3 * 3_600_000  # trading after hours ends at 18:00, two and a half hours after the close
MARGIN_DAYS = 20  # of sessions before a history, whose closes say what its first base price should be
KEPT = 3
BOARDS_AT_ONCE = 10  # requests in one login; a failure among them loses them all
BoardAsked = tuple[str, dt.date]
"""A board (KOSPI, KOSDAQ, KONEX) and a session."""
SEOUL = dt.timezone(dt.timedelta(hours=9))


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedShare(Fetched):
    """A share's bars, and all its sessions from some before the first of them on: base prices, shares, halts."""

    days: tuple[ShareDay, ...] = ()


class KrxStock(Remote):
    """Shares of KOSPI, KOSDAQ and KONEX, in won, as they were traded."""

    name = NAME
    client = "pykrx_share"
    package = "pykrx"
    needs = ("KRX_ID", "KRX_PW")
    timeframes = ("1d",)
    settle_ms = SETTLED_MS

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = LONGEST_FETCH_S) -> FetchedShare:
        """The bars of the range, sessions without a trade left out; Refused, ConfirmedEmpty, NotSetUp as every Remote.

        A code that KRX does not know is `no_data`, said without a question where today's names are here.
        """
        if request.timeframe not in self.timeframes:
            raise UsageError(f"{self.name} has no timeframe {request.timeframe!r} (it has 1d)")
        known = _isins(now_ms)
        if known and request.symbol not in known:
            raise self._refused("no_data", request, f"KRX lists no share {request.symbol!r}, and listed none")
        first, last = (_day(at_ms) for at_ms in (request.start_ms, min(request.end_ms, now_ms)))
        about = {
            "symbol": request.symbol,
            "isin": known.get(request.symbol, ""),
            "first": f"{first - dt.timedelta(days=MARGIN_DAYS):%Y%m%d}",
            "last": f"{last:%Y%m%d}",
        }
        verdict = self._ask(self._question(self.client, limit_s, about), request)
        told: list[Any] = self._read(verdict, request)
        isins, texts = told
        now_ms = true_now_ms(now_ms, verdict.get("sent_s"))
        if isins:
            _keep_isins(isins, now_ms)
        return self._fetched(tuple(share_days(request.symbol, texts)), request, now_ms)

    def _fetched(self, days: tuple[ShareDay, ...], request: BarRequest, now_ms: int) -> FetchedShare:
        rows: list[Row] = [
            [str(day.session), day.row.open, day.row.high, day.row.low, day.row.close, day.row.volume]
            for day in days
            if day.row.traded
        ]
        if not rows:
            raise ConfirmedEmpty(provider=self.name, symbol=request.symbol, ranges=())
        got = to_fetched(
            rows, request, provider=self.name, adjusted="raw", now_ms=now_ms, settle_ms=self.settle_ms
        )  # fmt: skip
        return FetchedShare(
            bars=got.bars, provider=got.provider, symbol=got.symbol, adjusted=got.adjusted,
            fetched_at_ms=got.fetched_at_ms, last_final=got.last_final, confirmed_empty=got.confirmed_empty, days=days,
        )  # fmt: skip

    def fetch_board(self, board: str, session: dt.date, now_ms: int, *, limit_s: float = LONGEST_FETCH_S) -> BoardDay:
        """All shares of KOSPI, KOSDAQ or KONEX on a session that has closed. Raises NoBoard, and as `fetch_boards`."""
        (answer,) = self.fetch_boards([(board, session)], now_ms, limit_s=limit_s)
        if isinstance(answer, NoBoard):
            raise answer
        return answer

    def fetch_boards(
        self, asked: Sequence[BoardAsked], now_ms: int, *, limit_s: float = LONGEST_FETCH_S
    ) -> list[BoardDay | NoBoard]:
        """For each (board, session) its day, or why there is none: one login, one request each, all within `limit_s`.

        A session that has not closed, or is none, is not asked for. Raises Refused with its kind (of all that was
        asked nothing is then kept), NotSetUp; UsageError for a board there is not.
        """
        unknown = [board for board, _ in asked if board not in BOARDS]
        if unknown:
            raise UsageError(f"unknown board {unknown[0]!r} of KRX (known: {', '.join(BOARDS)})")
        closes = {session: _close_ms(session) for _, session in asked}
        due = [(board, session) for board, session in asked if 0 < closes[session] <= now_ms]
        texts: Mapping[tuple[str, dt.date], list[list[str]]] = {}
        if due:
            about = {"symbol": "", "asked": [[BOARDS[board], f"{session:%Y%m%d}"] for board, session in due]}
            request = board_request(asked)
            verdict = self._ask(self._question("pykrx_board", limit_s, about), request)
            now_ms = true_now_ms(now_ms, verdict.get("sent_s"))
            texts = dict(zip(due, self._read(verdict, request), strict=True))
        return [
            self._day(board, session, closes[session], texts.get((board, session)), now_ms) for board, session in asked
        ]

    def _day(
        self, board: str, session: dt.date, close_ms: int, texts: list[list[str]] | None, now_ms: int
    ) -> BoardDay | NoBoard:
        if not close_ms:
            return NoBoard(board, session, f"{session} is no session of {MARKET}: not asked")
        if texts is None or now_ms < close_ms:
            return NoBoard(board, session, f"{session} has not closed yet: its prices still move")
        try:
            return board_day(
                texts, board, session, ts_ms=close_ms, fetched_at_ms=now_ms, final=now_ms >= close_ms + SETTLED_MS
            )
        except NoBoard as none:
            return none

    def _question(self, client: str, limit_s: float, about: Mapping[str, Any]) -> dict[str, Any]:
        """What the worker is asked; one that waits for a question of the other client is sent home."""
        if client != self.client:
            if self._waiting is not None:
                self._waiting.kill()
                self._waiting.wait()
                self._waiting = None
            self.client = client
        secrets = {name: self.secret(name) for name in self.needs}
        return {"client": client, "limit_s": limit_s, "pause_s": self.pause_s, "secrets": secrets, **about}


def ask_boards(
    provider: KrxStock, asked: Sequence[BoardAsked], *, book: StateBook, patience: Patience
) -> Iterator[tuple[BoardAsked, BoardDay | NightdeskError]]:
    """Each (board, session) with its day, or with the error it ended in, through KRX's gate as `ask_many` does it.

    What has not been published yet is NoBoard: an answer, and no failure of the provider.
    """
    asked = list(dict.fromkeys(asked))
    if not network_allowed():
        for board, session in asked:
            yield (board, session), NetworkForbidden(provider=NAME, symbol=f"{board} {session}")
        return
    asking: Asking[BoardAsked, BoardDay] = Asking(
        provider=NAME,
        gate=GATES[NAME],
        symbol=lambda one: f"{one[0]} {one[1]}",
        chunks=lambda some: [list(some[at : at + BOARDS_AT_ONCE]) for at in range(0, len(some), BOARDS_AT_ONCE)],
        attempt=lambda chunk, limit_s: _attempt(provider, chunk, limit_s),
    )
    yield from in_turns(asked, asking, book=book, patience=patience)


def _attempt(
    provider: KrxStock, chunk: Sequence[BoardAsked], limit_s: float
) -> Iterator[tuple[BoardAsked, BoardDay | ExternalDataUnavailable]]:
    try:
        yield from zip(chunk, provider.fetch_boards(chunk, clock.now_ms(), limit_s=limit_s), strict=True)
    except ExternalDataUnavailable as error:
        for one in chunk:
            yield one, error


def board_request(asked: Sequence[BoardAsked]) -> BarRequest:
    """What messages and the provider's state call a question about boards."""
    boards = "+".join(dict.fromkeys(board for board, _ in asked))
    days = sorted({session for _, session in asked})
    named = f"{boards} {days[0]}" + (f"..{days[-1]}" if len(days) > 1 else "")
    return BarRequest(symbol=named, timeframe="1d", start_ms=0, end_ms=0, market=MARKET)


def _close_ms(session: dt.date) -> int:
    """When it closes; 0 for a day without a session. Raises CalendarRangeError past the calendar."""
    hours = hours_of(MARKET)
    try:
        return hours.close_ms(session.toordinal())
    except KeyError:
        return 0


def _day(at_ms: int) -> dt.date:
    return dt.datetime.fromtimestamp(at_ms / 1000, SEOUL).date()


def _isins(now_ms: int) -> dict[str, str]:
    """ISIN by code as KRX said today; empty when it has not been asked today, or the file is damaged."""
    try:
        kept: dict[str, str] = json.loads(_isin_file(now_ms).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _keep_isins(isins: Mapping[str, str], now_ms: int) -> None:
    path = _isin_file(now_ms)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)  # one job at a time asks KRX
    write_text(path, json.dumps(isins))
    for old in sorted(path.parent.glob("isins_*.json"))[:-KEPT]:
        old.unlink(missing_ok=True)


def _isin_file(now_ms: int) -> Path:
    return paths.data_dir() / "webcache" / "krx" / f"isins_{_day(now_ms)}.json"
