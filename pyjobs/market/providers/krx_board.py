"""A board of KRX on one session: every share's prices, what they are measured against, and how many are listed.

The rows have no date. What can be checked is: that the session has closed by KRX's clock, that every row is of the
board asked for, that change and rate agree, and, against the session before, that this is the day after it, whose base
prices are that day's closes but for a few (`universe.base_prices.check_follows`).
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pyjobs.market.providers.base import Refused
from pyjobs.market.providers.rows import are_true

NAME = "krx_stock"
MARKET = "XKRX"
BOARDS = {"KOSPI": "STK", "KOSDAQ": "KSQ", "KONEX": "KNX"}
"""Our names of the boards, and KRX's (MKT_ID)."""
RATE_ROUNDING = (
    0.0051  # KRX rounds the rate of change to hundredths of a percent (data.krx.co.kr, MDCSTAT01501, 2026-11-29)
)
WRONG_SHARE = 0.05  # more rows than this that cannot be true: the answer as a whole is not trusted
_CODE = re.compile(r"[0-9A-Z]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """One share on one session, in won and shares, raw.

    `base` is what its change is measured against: the last close, unless a split or an issue lies between; NaN where
    change and rate contradict each other. A session without a trade (halted, or no order: KRX does not distinguish)
    has a close, and open, high, low and volume 0. `shares`: how many are listed.
    """

    symbol: str
    name: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float
    base: float
    shares: int

    @property
    def traded(self) -> bool:
        """Whether the session has a bar."""
        return self.open > 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoardDay:
    """All shares of one board on one session, by symbol. `ts_ms` is the session's close.

    `final`: KRX will not revise it any more. `unpriced` are listed without a price (not traded yet), `untrue` have
    prices that cannot be true; neither has a row.
    """

    board: str
    session: dt.date
    ts_ms: int
    rows: Mapping[str, BoardRow]
    fetched_at_ms: int
    final: bool
    unpriced: tuple[str, ...] = ()
    untrue: tuple[str, ...] = ()

    @property
    def halted(self) -> list[str]:
        """The symbols without a trade."""
        return [row.symbol for row in self.rows.values() if not row.traded]


class NoBoard(Refused):
    """KRX answered that it has no prices of the session, or has not had the time (kind `no_data`): not there yet, or
    no session after all. The answer proves nothing about any share."""

    def __init__(self, board: str, session: dt.date, detail: str) -> None:
        super().__init__("no_data", provider=NAME, symbol=f"{board} {session}", detail=detail)
        self.board, self.session = board, session


def board_day(
    texts: Sequence[Sequence[str]], board: str, session: dt.date, *, ts_ms: int, fetched_at_ms: int, final: bool
) -> BoardDay:
    """The day out of rows as KRX sends them (fields: krx_calls.BOARD_FIELDS).

    Raises NoBoard when no row has a price; Refused(schema) for another board's rows, a share that comes twice, or more
    than WRONG_SHARE of rows that cannot be true.
    """
    foreign = {row[2] for row in texts} - {BOARDS[board]}
    if foreign:
        raise _unfit(board, session, f"rows of {', '.join(sorted(map(str, foreign)))} in the answer about {board}")
    numbers = np.array([[_number(text) for text in row[3:]] for row in texts], np.float64).reshape(len(texts), 9)
    priced = numbers[:, 3] > 0
    if not priced.any():
        raise NoBoard(board, session, f"no prices of {session} ({len(texts)} rows): not there yet, or no session")
    rows: dict[str, BoardRow] = {}
    unpriced: list[str] = []
    untrue: list[str] = []
    true = _are_true(numbers)
    for text, values, has_price, is_true in zip(texts, numbers.tolist(), priced, true, strict=True):
        if not _CODE.fullmatch(text[0]) or text[0] in rows:
            raise _unfit(board, session, f"{text[0]!r} comes twice, or is no code of a share")
        if has_price and is_true:
            rows[text[0]] = _row(text[0], text[1], values)
        else:
            (untrue if has_price else unpriced).append(text[0])
    contrary = sum(math.isnan(row.base) for row in rows.values())
    if len(untrue) + contrary > WRONG_SHARE * len(texts):
        raise _unfit(
            board, session, f"of {len(texts)} rows {len(untrue)} cannot be true, in {contrary} change and rate differ"
        )
    return BoardDay(
        board=board, session=session, ts_ms=ts_ms, rows=rows, fetched_at_ms=fetched_at_ms, final=final,
        unpriced=tuple(unpriced), untrue=tuple(untrue),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareDay:
    """One session of one share, as in `BoardRow`, without its name."""

    session: dt.date
    row: BoardRow


def share_days(symbol: str, texts: Sequence[Sequence[str]]) -> Iterator[ShareDay]:
    """The sessions out of rows of a share's history (fields: krx_calls.SHARE_FIELDS), oldest first; those with a price.

    Raises Refused(schema) for a row whose date cannot be read. Rows that cannot be true are left out.
    """
    numbers = np.array([[_number(text) for text in row[1:]] for row in texts], np.float64).reshape(len(texts), 9)
    true = _are_true(numbers) & (numbers[:, 3] > 0)
    found = []
    for text, values, is_true in zip(texts, numbers.tolist(), true, strict=True):
        try:
            session = dt.date.fromisoformat(text[0].replace("/", "-"))
        except ValueError:
            raise Refused("schema", provider=NAME, symbol=symbol, detail=f"{text[0]!r} is no date") from None
        if is_true:
            found.append(ShareDay(session=session, row=_row(symbol, "", values)))
    return iter(sorted(found, key=lambda day: day.session))


def _row(symbol: str, name: str, values: Sequence[float]) -> BoardRow:
    """`values`: open, high, low, close, volume, turnover, change, rate, shares."""
    open_, high, low, close, volume, turnover, change, rate, shares = values
    traded = open_ > 0
    base = close - change
    if not (base > 0 and abs(change / base * 100 - rate) <= RATE_ROUNDING):
        base = math.nan
    return BoardRow(
        symbol=symbol, name=name, open=open_, high=high if traded else 0.0, low=low if traded else 0.0, close=close,
        volume=volume, turnover=turnover, base=base, shares=int(shares) if shares > 0 else 0,
    )  # fmt: skip


def _are_true(numbers: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows can be true: a bar, or a session without a trade (open, high and low 0)."""
    idle = (numbers[:, :3] == 0).all(axis=1)
    return np.asarray(idle | are_true(numbers[:, :5]), np.bool_)


def _number(text: object) -> float:
    """A number with commas; NaN for `-` and whatever else is none."""
    try:
        return float(str(text).replace(",", ""))
    except ValueError:
        return math.nan


def _unfit(board: str, session: dt.date, detail: str) -> Refused:
    return Refused("schema", provider=NAME, symbol=f"{board} {session}", detail=detail)
