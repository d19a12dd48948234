"""KRX's shares, raw, through pykrx: all of a board by the session, or one by its six-digit code.

Both need KRX's login (KRX_ID, KRX_PW), which costs five requests and holds for a process, an hour at most. The codes'
ISINs, KRX's own keys of a share, are asked for once a day and kept in data/webcache/krx/.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec

from pyjobs.market.calendars.hours import hours_of
from pyjobs.market.provider_names import RATE_LIMIT_GROUPS
from pyjobs.market.providers.asking import pace
from pyjobs.market.providers.asking.ask import network_allowed
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.in_turns import Asking, in_turns
from pyjobs.market.providers.asking.retry_budget import RetryBudget
from pyjobs.market.providers.base import LONGEST_FETCH_S, BarRequest, ConfirmedEmpty, Fetched, Range, Refused
from pyjobs.market.providers.krx_board import BOARDS, MARKET, NAME, BoardDay, NoBoard, ShareDay, board_day, share_days
from pyjobs.market.providers.rows import Row, true_now_ms
from pyjobs.market.providers.workers.remote import Remote, each_or_error
from utils import clock, paths
from utils.errors import ExternalDataUnavailable, NetworkForbidden, NightdeskError, UsageError
from utils.files import os_files
from utils.files.atomic import sweep, write_text
from utils.trading_day import CalendarRangeError

REVISED_FOR_MS = 3 * 3_600_000  # trading after hours ends at 18:00, two and a half hours after the close
MARGIN_DAYS = 20  # of sessions before a history, whose closes say what its first base price should be
PIECE_DAYS = 730  # what pykrx 1.2.9 asks for at once (website/krx/krxio.py); between two pieces it waits a second
CHUNK_S = 20.0  # about what one attempt at many shares takes; its limit is LONGEST_FETCH_S
BOARDS_AT_ONCE = 10
KEPT = 3
SEOUL = dt.timezone(dt.timedelta(hours=9))
BoardAsked = tuple[str, dt.date]
"""A board (KOSPI, KOSDAQ, KONEX) and a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedShare(Fetched):
    """A share's bars, and all its sessions from some before the first of them on: base prices, shares, halts."""

    days: tuple[ShareDay, ...] = ()


class KrxStock(Remote):
    """Shares of KOSPI, KOSDAQ and KONEX, in won, as they were traded."""

    name = NAME
    client = "pykrx_shares"
    package = "pykrx"
    keeps = True
    needs = ("KRX_ID", "KRX_PW")
    timeframes = ("1d",)
    revised_for_ms = REVISED_FOR_MS
    near_s = (MARGIN_DAYS + 7) * 86_400  # a halt may lie between the margin and the range

    def asked(self, request: BarRequest, now_ms: int) -> dict[str, Any]:
        """As every Remote. Refused(no_data) for a code that is not among today's names, where they are here."""
        known = _isins(now_ms)
        if known and request.symbol not in known:
            detail = f"KRX lists no share {request.symbol!r}, and listed none"
            raise self.refused("no_data", request.symbol, detail, 0.0)
        first, last = (_day(at_ms) for at_ms in (request.start_ms, min(request.end_ms, now_ms)))
        return {
            **Remote.asked(self, request, now_ms),
            "isin": known.get(request.symbol, ""),
            "first": f"{first - dt.timedelta(days=MARGIN_DAYS):%Y%m%d}",
            "last": f"{last:%Y%m%d}",
        }

    def fetched(self, rows: Any, request: BarRequest, now_ms: int, record: Mapping[str, Any]) -> Fetched:
        """A FetchedShare: sessions without a trade have no bar, and are confirmed empty once they are final.

        ConfirmedEmpty when there is no bar in the range.
        """
        if record.get("isins"):
            _keep_isins(record["isins"], now_ms)
        days = tuple(share_days(request.symbol, rows[0]))
        empty = _idle(days, request.start_ms, min(request.end_ms, now_ms - REVISED_FOR_MS))
        bars: list[Row] = [
            [str(day.session), day.row.open, day.row.high, day.row.low, day.row.close, day.row.volume]
            for day in days
            if day.row.traded
        ]
        try:
            found = Remote.fetched(self, bars, request, now_ms, {})
        except ConfirmedEmpty:
            raise ConfirmedEmpty(provider=self.name, symbol=request.symbol, ranges=empty) from None
        known = {field.name: getattr(found, field.name) for field in fields(Fetched)}
        return FetchedShare(**{**known, "confirmed_empty": empty}, days=days)

    def chunks(self, requests: Sequence[BarRequest]) -> list[list[BarRequest]]:
        """The requests in order, as many together as take about CHUNK_S seconds."""
        made: list[list[BarRequest]] = []
        took_s = CHUNK_S
        for request in requests:
            needs_s = 1.5 * ((request.end_ms - request.start_ms) / 86_400_000 + MARGIN_DAYS) / PIECE_DAYS + 0.1
            if took_s + needs_s > CHUNK_S:
                made.append([])
                took_s = 0.0
            made[-1].append(request)
            took_s += needs_s
        return made

    def fetch_many(
        self, requests: Sequence[BarRequest], now_ms: int, *, limit_s: float = LONGEST_FETCH_S, gap_s: float = 0.0
    ) -> Iterator[tuple[BarRequest, Fetched | NightdeskError]]:
        """One share after the other, in one login."""
        asks, known = [], []
        for request in requests:
            try:
                asks.append(self.asked(request, now_ms))
            except Refused as error:
                yield request, error
            else:
                known.append([request])
        if not known:
            return
        for group, entry in self.verdicts_by_group(
            self.question(asks, limit_s, gap_s=gap_s), known, lambda one: one.symbol
        ):
            if isinstance(entry, Refused):
                yield group[0], entry
            else:
                yield from each_or_error(group, lambda one, entry=entry: self.read(entry, one, now_ms))  # type: ignore[misc]

    def fetch_boards(
        self, asked: Sequence[BoardAsked], now_ms: int, *, limit_s: float = LONGEST_FETCH_S, gap_s: float = 0.0
    ) -> Iterator[tuple[BoardAsked, BoardDay | ExternalDataUnavailable]]:
        """Each (board, session) with its day, or why there is none: one login, one request each, all within `limit_s`.

        A session that has not closed, or is none, is not asked for (NoBoard). After a failure that is about KRX the
        rest is `Unasked`. Raises NotSetUp; UsageError for a board there is not.
        """
        unknown = [board for board, _ in asked if board not in BOARDS]
        if unknown:
            raise UsageError(f"unknown board {unknown[0]!r} of KRX (known: {', '.join(BOARDS)})")
        due: dict[str, BoardAsked] = {}
        for one in asked:
            why = _not_to_be_asked(one, now_ms)
            if why:
                yield one, why
            else:
                due[named(one)] = one
        if not due:
            return
        asks = [
            {"call": "krx_board", "board": BOARDS[board], "day": f"{session:%Y%m%d}"} for board, session in due.values()
        ]
        question = self.question(asks, limit_s, gap_s=gap_s)
        for (name,), entry in self.verdicts_by_group(question, [[name] for name in due], str):
            yield due[name], entry if isinstance(entry, Refused) else _day_of(entry, due[name], now_ms)


def ask_boards(
    provider: KrxStock, asked: Sequence[BoardAsked], *, states: ProviderStates, budget: RetryBudget
) -> Iterator[tuple[BoardAsked, BoardDay | NightdeskError]]:
    """Each (board, session) with its day, or with the error it ended in, in turns as `ask_many` does it.

    A board that is not published yet is NoBoard: an answer, and no failure of the provider.
    """
    asked = list(dict.fromkeys(asked))
    if not network_allowed():
        yield from ((one, NetworkForbidden(provider=NAME, symbol=named(one))) for one in asked)
        return
    rate_limit_group = RATE_LIMIT_GROUPS[NAME]
    asking: Asking[BoardAsked, BoardDay] = Asking(
        provider=NAME,
        rate_limit_group=rate_limit_group,
        symbol=named,
        chunks=lambda some: [list(some[at : at + BOARDS_AT_ONCE]) for at in range(0, len(some), BOARDS_AT_ONCE)],
        attempt=lambda chunk, limit_s: provider.fetch_boards(
            chunk, clock.now_ms(), limit_s=limit_s, gap_s=pace.gap_s(rate_limit_group, states, budget.now())
        ),
        prepare=provider.prepare,
    )
    yield from in_turns(asked, asking, states=states, budget=budget)


def named(asked: BoardAsked) -> str:
    """The name of a question about a board in messages and in the provider's state."""
    return f"{asked[0]} {asked[1]}"


def _not_to_be_asked(asked: BoardAsked, now_ms: int) -> NoBoard | None:
    """Why a session is not asked for; None when it has closed. Raises CalendarRangeError past the calendar."""
    try:
        close_ms = hours_of(MARKET).close_ms(asked[1].toordinal())
    except KeyError:
        return NoBoard(*asked, f"{asked[1]} is no session of {MARKET}: not asked")
    return NoBoard(*asked, f"{asked[1]} has not closed yet: not asked") if now_ms < close_ms else None


def _day_of(record: Mapping[str, Any], asked: BoardAsked, now_ms: int) -> BoardDay | ExternalDataUnavailable:
    board, session = asked
    now_ms, close_ms = true_now_ms(now_ms, record.get("sent_s")), hours_of(MARKET).close_ms(session.toordinal())
    if now_ms < close_ms:  # our clock is ahead of KRX's
        return NoBoard(board, session, f"{session} has not closed yet by KRX's clock: its prices still move")
    final = now_ms >= close_ms + REVISED_FOR_MS
    try:
        return board_day(record["rows"][0], board, session, ts_ms=close_ms, fetched_at_ms=now_ms, final=final)
    except Refused as error:
        return error


def _idle(days: Sequence[ShareDay], first_ms: int, last_ms: int) -> tuple[Range, ...]:
    """The closes of the sessions without a trade from `first_ms` to `last_ms`, each a stretch of its own."""
    hours = hours_of(MARKET)
    found = []
    for day in days:
        if not day.row.traded:
            with contextlib.suppress(KeyError, CalendarRangeError):  # a day of trade that the calendar does not know
                found.append(hours.close_ms(day.session.toordinal()))
    return tuple((close_ms, close_ms) for close_ms in found if first_ms <= close_ms <= last_ms)


def _day(at_ms: int) -> dt.date:
    return dt.datetime.fromtimestamp(at_ms / 1000, SEOUL).date()


def _isins(now_ms: int) -> dict[str, str]:
    """ISIN by code as KRX listed them today; empty when it has not been asked today, or the file is damaged."""
    try:
        return msgspec.json.decode(os_files.held_bytes(_isin_file(now_ms)), type=dict[str, str])
    except (OSError, msgspec.MsgspecError, RecursionError):
        return {}


def _keep_isins(isins: Mapping[str, str], now_ms: int) -> None:
    path = _isin_file(now_ms)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)  # one job at a time asks KRX
    write_text(path, json.dumps(isins))
    for old in sorted(path.parent.glob("isins_*.json"))[:-KEPT]:
        with suppress(OSError):  # gone, or no file: today's is written
            old.unlink()


def _isin_file(now_ms: int) -> Path:
    return paths.data_dir() / "webcache" / "krx" / f"isins_{_day(now_ms)}.json"
