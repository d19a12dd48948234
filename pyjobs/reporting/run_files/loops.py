"""reports/live.json: how the paper loops stood when the night's reports were made; there is none without a loop."""

from __future__ import annotations

import msgspec


class Gate(msgspec.Struct, frozen=True):
    """What is asked of a loop, what was found, the file that shows it, and how old that is in seconds."""

    asks: str
    green: bool
    found: str
    evidence: str = ""
    age_s: float | None = None


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """One bar: decided, late, blocked or missing, and why."""

    ts_ms: int
    state: str
    why: str = ""


class Loop(msgspec.Struct, frozen=True):
    """One loop."""

    name: str
    series: str
    gates: list[Gate]
    strip: list[Mark]

    @property
    def green(self) -> bool:
        """Whether each gate is."""
        return all(gate.green for gate in self.gates)


class Loops(msgspec.Struct, frozen=True):
    """All of them, as they stood at `at_s`, UTC seconds."""

    at_s: float
    loops: list[Loop]
