"""What became of every series of a fetch: who delivers, who is missing and why, and how the job ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from pyjobs.market.desk.snapshot import session_of, staleness
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK
from pyjobs.market.ingest.questions import is_an_answer
from pyjobs.market.providers.base import Renamed
from pyjobs.market.store.partitions import is_intraday
from pyjobs.market.universe import symbol_states
from pyjobs.market.universe.fetch_file import Missing, Tally
from pyjobs.market.universe.gather import Fetching
from pyjobs.market.universe.symbol_states import Standing, SymbolState
from utils.errors import (
    ConfigError,
    ExternalDataUnavailable,
    LockBusyError,
    MisfitError,
    NightdeskError,
    StaleDataError,
    UsageError,
)

DOUBTFUL = 4  # so many symbols at once, and half of all that were asked for, are not gone: their provider errs


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The verdict of a fetch. `changes`: what is now known of symbols, by exchange. `errors`: of failed series."""

    missing: list[Missing] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    changes: dict[str, dict[str, SymbolState | None]] = field(default_factory=dict)
    errors: list[NightdeskError] = field(default_factory=list)

    @property
    def partial(self) -> bool:
        """Whether a bar is missing that should be there."""
        return any(each.expected for each in self.missing)

    def error(self) -> NightdeskError | None:
        """How the job ends; None: well.

        With what is wrong here first; then 2 when half of a market's due series are late, 69 when half have failed.
        """
        ours = [error for error in self.errors if not isinstance(error, ExternalDataUnavailable | LockBusyError)]
        if ours:
            return ours[0]
        late = [f"{name}: {each.late} of {each.due}" for name, each in self.tallies.items() if _half(each.late, each)]
        failed = [name for name, each in self.tallies.items() if _half(each.failed, each)]
        if late:
            return StaleDataError(f"the providers have not the newest bars of half of a market yet ({', '.join(late)})")
        return self._worst() if failed else None

    def _worst(self) -> NightdeskError:
        """The error of a request that was made, if there is one."""
        from pyjobs.market.providers.base import NotAsked

        outside = [error for error in self.errors if isinstance(error, ExternalDataUnavailable)]
        if outside:
            return min(outside, key=lambda error: isinstance(error, NotAsked))
        return StaleDataError(str(self.errors[0]))


def judged(
    found: Mapping[str, Sequence[Fetching]], known: Mapping[str, Mapping[str, SymbolState]], *, now_ms: int
) -> Verdict:
    """The verdict on everything that was to be fetched, by exchange; `known`: the states from before."""
    verdict = Verdict()
    for exchange, fetchings in found.items():
        _Judge(verdict=verdict, exchange=exchange, known=known.get(exchange, {}), now_ms=now_ms).look_at(fetchings)
    return verdict


@dataclass(slots=True, kw_only=True)
class _Judge:
    """One exchange's series."""

    verdict: Verdict
    exchange: str
    known: Mapping[str, SymbolState]
    now_ms: int

    def look_at(self, fetchings: Sequence[Fetching]) -> None:
        changes = self.verdict.changes.setdefault(self.exchange, {})
        dead, failed, lacking, well = list[Fetching](), list[Fetching](), list[Fetching](), list[Fetching]()
        misfits = [one for one in fetchings if isinstance(one.error, MisfitError)]
        for one in fetchings:
            before, has = self.known.get(name_of(one)), has_session(one)
            if isinstance(one.error, MisfitError):
                continue
            if one.error is not None and not (has and isinstance(one.error, ExternalDataUnavailable)):
                (dead if _does_not_know(one.error) else failed).append(one)
            elif has:
                well.append(one)
                if before is not None:
                    changes[name_of(one)] = None
            elif before is not None and not one.asked and before.rests(self.now_ms, due_session(one)):
                kind = "no_bar" if before.expected else before.state
                self._miss(one, kind, before, news=False, expected=before.expected)
            elif one.put_off:
                self._miss(one, "put_off", None, news=False)
            elif one.halted:
                self._change(one, "halted")
            elif one.newest_ms is None:
                self._change(one, "not_listed")
            elif before is not None and before.state in ("silent", "halted") and not before.expected:
                self._change(one, "halted" if before.state == "halted" else "silent")
            else:
                lacking.append(one)
        if len(dead) >= DOUBTFUL and 2 * len(dead) >= sum(bool(one.asked) for one in fetchings):
            failed += dead
        else:
            for one in dead:
                renamed = isinstance(one.error, Renamed)
                self._change(one, "renamed" if renamed else "unknown" if one.newest_ms is None else "gone")
        for one in misfits:
            if well or lacking or self._was_misfit(one):
                self._change(one, "misfit")
            else:  # where nothing fits, it is the desk that is wrong
                failed.append(one)
        self._tell_of_lacking(lacking, well)
        self._tell_of_failed(failed)
        self._count(well, lacking, failed)

    def _was_misfit(self, one: Fetching) -> bool:
        """Whether it was set aside while others fitted, which an evening too early or an outage does not undo."""
        before = self.known.get(name_of(one))
        return before is not None and before.state == "misfit"

    def _tell_of_lacking(self, lacking: Sequence[Fetching], well: Sequence[Fetching]) -> None:
        late = 2 * len(lacking) >= len(lacking) + len(well)
        for one in lacking:
            if late:
                self._miss(one, "late", None, expected=True)
            else:
                self._change(one, "silent")

    def _tell_of_failed(self, failed: Iterable[Fetching]) -> None:
        for one in failed:
            assert one.error is not None, "it failed"
            self.verdict.errors.append(one.error)
            detail = one.error.detail if isinstance(one.error, ExternalDataUnavailable) else str(one.error)
            self._miss(one, kind_of(one.error), None, expected=True, detail=detail)

    def _count(self, well: Sequence[Fetching], lacking: Sequence[Fetching], failed: Sequence[Fetching]) -> None:
        for group, field_name in ((well, ""), (lacking, "late"), (failed, "failed")):
            for one in group:
                tally = self.verdict.tallies.setdefault(one.want.exchange.market, Tally())
                tally.due += 1
                if field_name:
                    setattr(tally, field_name, getattr(tally, field_name) + 1)

    def _change(self, one: Fetching, state: Standing) -> None:
        """A symbol does not deliver by itself: remember it."""
        before = self.known.get(name_of(one))
        detail = one.error.detail if isinstance(one.error, ExternalDataUnavailable) else str(one.error or "")
        session = due_session(one)
        new = symbol_states.after(
            before, state, session=session, now_ms=self.now_ms, detail=detail, asked=bool(one.asked),
            daily=state == "misfit" and one.newest_ms is not None,
        )  # fmt: skip
        self.verdict.changes[self.exchange][name_of(one)] = new
        kind = "no_bar" if state == "silent" and new.expected else state
        news = before is None or before.state != new.state or before.expected != new.expected
        self._miss(one, kind, new, news=news, expected=new.expected)

    def _miss(
        self,
        one: Fetching,
        kind: str,
        state: SymbolState | None,
        *,
        expected: bool = False,
        news: bool = True,
        detail: str = "",
    ) -> None:
        key = one.want.key
        self.verdict.missing.append(
            Missing(
                exchange=key.exchange,
                symbol=key.symbol,
                timeframe=key.timeframe,
                kind=kind,
                since=state.since if state else due_session(one),
                expected=expected,
                news=news,
                detail=state.detail if state else detail,
            )
        )


def kind_of(error: NightdeskError) -> str:
    """One word for a failure, in the list of what is missing."""
    if isinstance(error, ExternalDataUnavailable):
        return error.kind
    names = {LockBusyError: "busy", ConfigError: "not_set_up", UsageError: "not_offered"}
    return next((name for cls, name in names.items() if isinstance(error, cls)), "bad_data")


def name_of(one: Fetching) -> str:
    """Its name in the file of states."""
    return f"{one.want.key.symbol}:{one.want.key.timeframe}"


def due_session(one: Fetching) -> str:
    """The session, or the day, of the bar that the series should have."""
    return _session_of(one.want.exchange.market, one.want.due_ms)


def has_session(one: Fetching) -> bool:
    """Whether the newest stored bar is of the session that is due, or newer.

    For shorter bars round the clock, one of the day before the newest due will do: quiet hours have none.
    """
    if one.newest_ms is None:
        return False
    if one.want.exchange.market == ROUND_THE_CLOCK and not is_intraday(one.want.key.timeframe):
        return one.newest_ms >= one.want.due_ms
    return not _stale(one.want.exchange.market, one.want.due_ms, one.newest_ms)


def _does_not_know(error: NightdeskError) -> bool:
    return isinstance(error, Renamed) or (isinstance(error, ExternalDataUnavailable) and is_an_answer(error))


def _half(count: int, tally: Tally) -> bool:
    return count > 0 and 2 * count >= tally.due


@cache
def _session_of(market: str, ts_ms: int) -> str:
    day: dt.date = session_of(market)(ts_ms)
    return day.isoformat()


@cache
def _stale(market: str, due_ms: int, newest_ms: int) -> bool:
    return staleness(market, due_ms)(newest_ms)
