"""Series that a job leaves alone for a while: silent ones, and symbols that the provider does not have.

One symbol that is delisted, or misspelt, must not make every run of all of them a failure: it is named, asked for less
and less often (with nothing stored after 1, 2, 4 … 30 days), and the others' result is kept.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from pyjobs.market.bars import SeriesKey
from pyjobs.market.ingest import silence
from pyjobs.market.ingest.questions import is_an_answer
from pyjobs.market.ingest.series_source import SeriesSource
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe import symbol_states
from pyjobs.market.universe.symbol_states import SymbolState
from utils.errors import ExternalDataUnavailable, MisfitError, NightdeskError


@dataclass(slots=True, kw_only=True)
class Absent:
    """The findings of one job. `many`: it serves all series, so that one of them may be set aside."""

    store: BarStore
    now_ms: int
    many: bool
    answered: int = 0
    gone: list[NightdeskError] = field(default_factory=list)
    _states: dict[str, dict[str, SymbolState]] = field(default_factory=dict)

    def resting(self, key: SeriesKey, source: SeriesSource) -> str:
        """Why a series is not asked for now, for a person; empty when it is."""
        known = self._known(key)
        if self.many and known is not None and known.rests(self.now_ms, self._today):
            return f"{key}: {known.state} since {known.since} ({known.detail}): not asked yet"
        return silence.resting(self.store, key, source, self.now_ms)

    def has_answered(self, key: SeriesKey, source: SeriesSource) -> str:
        """The request did not fail; return the line about a silent one."""
        self.answered += 1
        if self._known(key) is not None:
            symbol_states.save(key.exchange, {_name(key): None})
        return silence.note_asked(self.store, key, source, self.now_ms)

    def set_aside(self, key: SeriesKey, source: SeriesSource, error: NightdeskError) -> str:
        """The line about a series that its provider does not have; empty where that is a failure."""
        if isinstance(error, MisfitError):
            return self._misfit(key, error)
        if not isinstance(error, ExternalDataUnavailable):
            return ""
        if not is_an_answer(error):
            return ""
        text = silence.note_asked(self.store, key, source, self.now_ms)
        if not self.many or not (text or self.store.newest(key) is None):
            return ""
        if not text:
            before = self._known(key)
            state = symbol_states.after(before, "unknown", session=self._today, now_ms=self.now_ms, detail=error.detail)
            symbol_states.save(key.exchange, {_name(key): state})
            text = "nothing of it is stored: asked for less and less often (--start asks for it at once)"
        self.gone.append(error)
        return f"{key}: set aside: {error.provider} answers: {error.detail}; {text}"

    def _misfit(self, key: SeriesKey, error: MisfitError) -> str:
        """It is in another currency, for example: of many the others go on."""
        if not self.many:
            return ""
        daily = self.store.newest(key) is not None
        state = symbol_states.after(
            self._known(key), "misfit", session=self._today, now_ms=self.now_ms, detail=str(error), daily=daily
        )
        symbol_states.save(key.exchange, {_name(key): state})
        self.gone.append(error)
        how_often = "once a day" if daily else "less and less often"
        return f"{key}: set aside: {error}; asked for {how_often} (--start asks for it at once)"

    def failure(self) -> NightdeskError | None:
        """The error of those set aside, when no series at all was answered: then it may be the provider."""
        return self.gone[0] if self.gone and not self.answered else None

    @property
    def _today(self) -> str:
        return dt.datetime.fromtimestamp(self.now_ms / 1000, dt.UTC).date().isoformat()

    def _known(self, key: SeriesKey) -> SymbolState | None:
        if key.exchange not in self._states:
            self._states[key.exchange] = symbol_states.load(key.exchange)
        return self._states[key.exchange].get(_name(key))


def _name(key: SeriesKey) -> str:
    return f"{key.symbol}:{key.timeframe}"
