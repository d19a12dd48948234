"""What cannot be decided, because a strategy raised there: each is named, and hides no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pyjobs.market.desk.instrument import Instrument
from utils.errors import BadDataError, NightdeskError, StrategyError
from utils.foreign_text import LONGEST_MESSAGE, quoted


@dataclass(slots=True)
class StrategyErrors:
    """Setups that raised: each is named, and none hides another."""

    notes: list[str] = field(default_factory=list)
    first: Exception | None = None

    def add(self, instrument: Instrument, failed: Mapping[str, Exception]) -> None:
        """What setups raised, by name, of an instrument."""
        for name, error in failed.items():
            self._note(f"setup {name} cannot be decided for {instrument.key}: {worded(error)}", error)

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """One of many, of that name: what it raises is noted, and the others come after it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # `refuse` raises it, when the others have had their turn
            self._note(f"{what} cannot be computed: {worded(error)}", error)

    def refuse(self) -> None:
        """Raise the first exception; a caller that continues without the setup calls this last."""
        if isinstance(self.first, BadDataError | StrategyError):
            raise type(self.first)(self.notes[0].removeprefix("[WARN] ")) from self.first
        if self.first is not None:
            self.first.add_note(self.notes[0])
            raise self.first

    def _note(self, text: str, error: Exception) -> None:
        line = quoted(f"[WARN] {text}", LONGEST_MESSAGE)
        if line not in self.notes:  # of a second account on the same series
            self.notes.append(line)
        self.first = self.first or error


def worded(error: Exception) -> str:
    """An error as a part of a line; of ours the message alone, which is complete."""
    return quoted(str(error) if isinstance(error, NightdeskError) else f"{type(error).__name__}: {error}")
