"""What is known of symbols that do not deliver: `data/universe/<EXCHANGE>.json`, kept from one fetch to the next.

A symbol the provider does not know (any more) is asked for less and less often: after 1, 2, 4 … 30 days. It is news
once, and is listed quietly from then on. A symbol without a bar of the session is asked for again after an hour; when
it has been silent for QUIET_SESSIONS sessions in a row it is taken to be halted, and its bars are not waited for:
within one session it is then asked for after a sixteenth of its silence.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

import msgspec

from pyjobs.market.bars import SeriesKey
from utils import paths
from utils.errors import LockBusyError
from utils.files import os_files
from utils.files.atomic import sweep, write_bytes
from utils.files.job_lock import job_lock

Standing = Literal["silent", "halted", "gone", "unknown", "renamed", "misfit", "not_listed"]
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
LONGEST_DAYS = 30
QUIET_SESSIONS = 5
LOCK_TIMEOUT_S = 60.0


class SymbolState(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol that does not deliver. `since` is the session it was first missed in, `sessions` how many those are.

    `tries` counts the times it was asked for in vain, the last at `asked_ms`. `detail` is the provider's answer.
    """

    state: Standing
    since: str
    asked_ms: int
    last: str = ""
    sessions: int = 1
    tries: int = 1
    detail: str = ""

    def rests(self, now_ms: int, session: str) -> bool:
        """Whether it is not asked for yet about `session`. A clock that was ahead then does not count."""
        if self.asked_ms > now_ms:
            return False
        if self.state not in ("gone", "unknown", "renamed", "misfit"):
            pause_ms = HOUR_MS if self.expected or self.state != "silent" else max(HOUR_MS, self._silence_ms() // 16)
            return session <= self.last and now_ms < self.asked_ms + min(pause_ms, DAY_MS - HOUR_MS)
        return now_ms < self.asked_ms + pause_days(self.tries) * DAY_MS - DAY_MS // 24  # a job is never on the second

    def _silence_ms(self) -> int:
        """For how long it had been silent when it was last asked for."""
        since = dt.datetime.fromisoformat(self.since).replace(tzinfo=dt.UTC)
        return max(0, self.asked_ms - int(since.timestamp() * 1000))

    @property
    def expected(self) -> bool:
        """Whether a bar of it is still waited for."""
        return self.state == "silent" and self.sessions < QUIET_SESSIONS


class _File(msgspec.Struct, frozen=True, kw_only=True):
    symbols: dict[str, SymbolState]


def pause_days(tries: int) -> int:
    """Days until it is asked for again after `tries` times in vain: 1, 2, 4, 8, 16, 30, 30 …"""
    return int(min(2 ** min(tries - 1, 10), LONGEST_DAYS))


def after(
    known: SymbolState | None,
    state: Standing,
    *,
    session: str,
    now_ms: int,
    detail: str,
    asked: bool = True,
    daily: bool = False,
) -> SymbolState:
    """What is known when it has not delivered again: the same state goes on, another one begins.

    `daily`: its bars are stored, and its provider may mend what is wrong any day.
    """
    same = known is not None and (known.state == state or {known.state, state} <= {"silent", "halted"})
    if known is None or not same:
        return SymbolState(state=state, since=session, last=session, asked_ms=now_ms, detail=detail)
    return SymbolState(
        state=state,
        since=min(known.since, session),
        last=max(known.last, session),
        sessions=known.sessions + (session > known.last),
        tries=1 if daily else known.tries + asked,
        asked_ms=now_ms if asked else known.asked_ms,
        detail=detail or known.detail,
    )


def path_of(exchange: str) -> Path:
    """The exchange's file."""
    return paths.data_dir() / "universe" / f"{exchange}.json"


def load(exchange: str) -> dict[str, SymbolState]:
    """The states by `SYMBOL:timeframe`; none without a file, or for one that cannot be read (`save` reports it)."""
    try:
        return _read(exchange)
    except OSError:
        return {}


def _read(exchange: str) -> dict[str, SymbolState]:
    """As `load`; a damaged file is replaced, an error of the disk is raised: nothing is lost by writing then."""
    try:
        return msgspec.json.decode(os_files.held_bytes(path_of(exchange)), type=_File).symbols
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError, RecursionError):
        return {}


def not_waited_for(key: SeriesKey, known: dict[str, dict[str, SymbolState]]) -> SymbolState | None:
    """What is known of a series that is not waited for: gone, halted, not listed. `known` keeps what was read."""
    states = known.get(key.exchange)
    if states is None:
        states = known[key.exchange] = load(key.exchange)
    state = states.get(f"{key.symbol}:{key.timeframe}")
    return None if state is None or state.expected else state


def save(exchange: str, changes: dict[str, SymbolState | None]) -> None:
    """Put `changes` (None: delivers again) into the exchange's file, whatever another job has put there meanwhile.

    Raises LockBusyError when another job holds it for a minute, OSError as it comes.
    """
    path, lock = path_of(exchange), paths.locks_dir() / f"universe-{exchange}.lock"
    busy = LockBusyError(f"{path}: another fetch has held it for {LOCK_TIMEOUT_S:.0f} s")
    with job_lock(lock, LOCK_TIMEOUT_S, busy):
        known = _read(exchange)
        found = {**known, **changes}
        left = {name: state for name, state in sorted(found.items()) if state is not None}
        if left == known:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, path.name)
        write_bytes(path, msgspec.json.format(msgspec.json.encode(_File(symbols=left)), indent=1) + b"\n")
