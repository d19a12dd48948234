"""The gates between the loops and money, and strips of their bars: a table, for people and monitors."""

from __future__ import annotations

import msgspec

from utils.wording import aged

DAY_S = 86_400.0


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `evidence`: a file, relative to the home of the data; `age_s`: of what it shows, None for nothing."""

    asks: str
    green: bool
    found: str
    evidence: str
    age_s: float | None


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """One bar of a strip."""

    ts_ms: int
    state: str
    why: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One loop: its gates, its last bars; `unread`: why there are none, "" where it has none yet."""

    name: str
    series: str
    gates: list[Gate]
    strip: list[Mark]
    unread: str = ""

    @property
    def green(self) -> bool:
        """Whether each gate is."""
        return all(gate.green for gate in self.gates)


class GoLive(msgspec.Struct, frozen=True, kw_only=True):
    """The state of all loops at `at_s`."""

    at_s: float
    loops: list[Standing]


def as_lines(found: GoLive) -> list[str]:
    """The table as text: a line for each gate, the loop's own verdict before them."""
    lines = []
    for loop in found.loops:
        lines.append(f"{loop.name} {loop.series}: {'GO' if loop.green else 'NO-GO'}")
        for gate in loop.gates:
            age = f", {aged(gate.age_s)} old" if gate.age_s is not None else ""
            colour = "green" if gate.green else "red"
            lines.append(f"  {colour:5}  {gate.asks}: {gate.found} ({gate.evidence or 'no evidence'}{age})")
    return lines


def as_json(found: GoLive) -> dict[str, object]:
    """The table for monitors, with the verdict of each loop."""
    content: dict[str, object] = msgspec.to_builtins(found)
    content["loops"] = [
        {"verdict": "GO" if loop.green else "NO-GO", **msgspec.to_builtins(loop)} for loop in found.loops
    ]
    return content
