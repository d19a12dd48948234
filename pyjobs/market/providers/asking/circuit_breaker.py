"""The machine's state of each provider: `data/providers/state/<group>.json`, shared by all jobs and kept.

A rate-limit group is a server: `yahoo` for yf_index and yf_etf, `krx` for pykrx_index and krx_stock, else the
provider's own name. After a refusal no job on this machine calls the provider until the time in its file, also after a
restart.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pyjobs.market.providers.asking.cooldown import BACKOFF_S, FIXED_S, LIMIT_FLOOR_S, cooldown_after
from pyjobs.market.providers.base import NotAsked
from utils import paths
from utils.errors import ExternalDataUnavailable, ExternalKind
from utils.files import os_files, private
from utils.files.atomic import sweep, write_bytes
from utils.files.job_lock import job_lock
from utils.foreign_text import quoted

JUMPED_S = 60.0  # a failure that is to happen only later than this was written before the clock was set back
RESET_S = 60.0  # longer than anybody's turn
RESET = "python -m pyjobs.provider_state --reset"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's file. Times are UTC seconds; `blocked_until_s` is 0 while it may be asked.

    `kind` and `detail` are those of the last failure, `failures` counts them since the last success.
    """

    provider: str
    blocked_until_s: float = msgspec.field(default=0.0, name="closed_until_s")  # as files of before this name have it
    kind: str = ""
    detail: str = ""
    failures: int = 0
    last_ok_s: float = 0.0
    last_failure_s: float = 0.0

    def cooldown_left_s(self, now_s: float) -> float:
        """Seconds until it may be asked again, 0 when it may. A clock that jumped back never makes it longer."""
        span_s = self.blocked_until_s - self.last_failure_s
        return max(min(self.blocked_until_s - now_s, span_s), 0.0)

    def from_the_future(self, now_s: float) -> bool:
        """True if the last failure is dated in the future, which means that the clock was set back since."""
        return self.last_failure_s > now_s + JUMPED_S


class Busy(NotAsked):
    """Other jobs asked the provider all the time, `waited_s` seconds."""

    def __init__(self, provider: str, waited_s: float) -> None:
        super().__init__("timeout", provider=provider, detail=f"other jobs asked it for {waited_s:.0f} s")
        self.waited_s = waited_s


class ProviderStates:
    """The files of all providers in `folder`, and the locks that let one job at a time ask a provider."""

    def __init__(self, folder: Path | None = None, *, locks: Path | None = None) -> None:
        self.folder = folder or paths.data_dir() / "providers" / "state"
        self.locks = locks or paths.locks_dir()

    def path(self, provider: str) -> Path:
        """The provider's file."""
        return self.folder / f"{provider}.json"

    def read(self, provider: str) -> State:
        """The stored state; a fresh one when there is none, or when the file is damaged (it is then replaced)."""
        try:
            return msgspec.json.decode(os_files.held_bytes(self.path(provider)), type=State)
        except PermissionError:
            raise
        except (OSError, msgspec.MsgspecError, RecursionError):
            return State(provider=provider)

    def current(self, provider: str, now_s: float, wait_s: float) -> State:
        """The state of now. After a clock that was ahead has been set back, a hold counts from now, not from then.

        That is written down in a turn of its own, which others may delay by `wait_s` seconds; not to be asked in one.
        """
        known = self.read(provider)
        if not known.from_the_future(now_s):
            return known
        with self.turn(provider, wait_s):
            known = self.read(provider)
            if known.from_the_future(now_s):
                until_s = now_s + known.cooldown_left_s(now_s)
                known = msgspec.structs.replace(known, last_failure_s=now_s, blocked_until_s=until_s)
                self._write(known)
        return known

    def all(self) -> list[State]:
        """Every provider that has been asked, by name."""
        return [self._seen(path.stem) for path in os_files.matching(self.folder, "*.json")]

    def _seen(self, provider: str) -> State:
        try:
            return self.read(provider)
        except PermissionError:  # another user's: the others are reported still
            return State(provider=provider)

    def succeeded(self, provider: str, now_s: float) -> None:
        """Note a good answer, in one's turn; at most one write a minute while all is well."""
        known = self.read(provider)
        if known.failures or known.blocked_until_s or not 0 <= now_s - known.last_ok_s < 60:
            self._write(State(provider=provider, last_ok_s=now_s))

    def failed(
        self, rate_limit_group: str, error: ExternalDataUnavailable, now_s: float, jitter: Callable[[], float]
    ) -> State:
        """Note a failure, in one's turn, and until when everybody leaves it alone. `jitter` gives 0 to 1."""
        known = self.read(rate_limit_group)
        failures = known.failures + 1
        rested = known.blocked_until_s - known.last_failure_s >= LIMIT_FLOOR_S
        again = known.kind == error.kind and known.failures > 0 and rested
        retry_after_s = cooldown_after(error, failures, repeated=again, jitter=jitter)
        state = State(
            provider=rate_limit_group,
            blocked_until_s=now_s + retry_after_s if retry_after_s else 0.0,
            kind=error.kind,
            detail=quoted(error.detail),
            failures=failures,
            last_ok_s=known.last_ok_s,
            last_failure_s=now_s,
        )
        self._write(state)
        return state

    def reset(self, provider: str, wait_s: float = RESET_S) -> bool:
        """Forget everything about it, in a turn of its own; False when nothing was known. Raises Busy."""
        if not self.path(provider).exists():
            return False
        with self.turn(provider, wait_s):
            self.path(provider).unlink(missing_ok=True)
            self.path(provider).with_suffix(".pace").unlink(missing_ok=True)
        return True

    @contextmanager
    def turn(self, provider: str, wait_s: float) -> Iterator[None]:
        """Be the only process on this machine that asks the provider; Busy when others take too long."""
        private.make_folder(self.folder)
        wait_s = max(wait_s, 0.0)
        with job_lock(self.locks / f"provider-{provider}.lock", wait_s, Busy(provider, wait_s), poll_s=0.01):
            sweep(self.folder, f"{provider}.*")
            yield

    def _write(self, state: State) -> None:
        content = msgspec.json.encode(state) + b"\n"
        write_bytes(self.path(state.provider), content, mode=private.FILE_MODES[private.STATE])


def as_line(state: State, now_s: float) -> str:
    """One line for a person: what is the matter, and until when."""
    left_s = state.cooldown_left_s(now_s)
    last_ok = f"last answer {_when(state.last_ok_s)}" if state.last_ok_s else "no answer yet"
    if not state.failures:
        return last_ok
    time_lost = f"{state.failures} failures in a row, last {state.kind}: {state.detail}; {last_ok}"
    return f"not asked before {_when(now_s + left_s)}: {time_lost}" if left_s else time_lost


def waiting_line(state: State, now_s: float) -> str:
    """One line for a person who watches a job wait: for which provider, why, how long and until when."""
    left_s = state.cooldown_left_s(now_s)
    return f"{state.provider}: {state.kind} ({state.detail}): waiting {left_s:.0f} s, until {_when(now_s + left_s)}"


def _when(epoch_s: float) -> str:
    return f"{dt.datetime.fromtimestamp(epoch_s, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def refusal(state: State, symbol: str, now_s: float) -> NotAsked:
    """The error for a provider that is left alone now: nothing was sent."""
    kinds: dict[str, ExternalKind] = {kind: kind for kind in (*FIXED_S, *BACKOFF_S, "rate_limit")}
    left_s = state.cooldown_left_s(now_s)
    until = f"before {_when(now_s + left_s)}" if left_s else "again by this job"
    detail = f"not asked {until} ({state.detail})"
    if state.kind in FIXED_S:
        detail += f"; sooner: {RESET} {state.provider}"
    return NotAsked(kinds.get(state.kind, "outage"), provider=state.provider, symbol=symbol, detail=detail)
