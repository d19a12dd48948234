"""The gates between a loop and money, each green or red, with the file that shows it and how old that is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from pyjobs.live import config, health, kill_switch
from pyjobs.live.config import LiveFile
from pyjobs.live.golive import check, strips
from pyjobs.live.journal import names
from pyjobs.live.journal.lines import LinesFile
from pyjobs.live.spec import Spec
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.open_store import open_store
from utils import paths
from utils.errors import NightdeskError

DAY_S = 86_400.0
CHECK_S = 1.5 * DAY_S  # a nightly check, and half a day for one that is late
UNREADABLE = (NightdeskError, OSError, ValueError)
KIND, AT = names.EVENTS.index("kind"), names.EVENTS.index("at")


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
    """One loop: its gates, its last bars."""

    name: str
    series: str
    gates: list[Gate]
    strip: list[Mark]

    @property
    def green(self) -> bool:
        """Whether each gate is."""
        return all(gate.green for gate in self.gates)


class GoLive(msgspec.Struct, frozen=True, kw_only=True):
    """All loops, as they stood at `at_s`."""

    at_s: float
    loops: list[Standing]


def look(now_s: float) -> GoLive:
    """Every loop of live.yaml. Raises ConfigError for a file that cannot be read."""
    found, store = config.load(), open_store()
    return GoLive(at_s=now_s, loops=[_one(found, name, store, now_s) for name in found.loops])


def _one(found: LiveFile, name: str, store: BarStore, now_s: float) -> Standing:
    try:
        spec = config.named(found, name)
    except NightdeskError as error:
        gate = Gate(asks="the loop can be", green=False, found=str(error), evidence="", age_s=None)
        return Standing(name=name, series="", gates=[gate], strip=[])
    gates = [
        _tried(f"{found.clean_days} clean days", spec.place.decisions, lambda: _clean(found, spec, store, now_s)),
        _equal(spec, now_s),
        _tried("health OK", spec.place.decisions, lambda: _healthy(spec, store, now_s)),
        _limited(found, now_s),
        _tried("kill switch tried within 24 h", spec.place.events, lambda: _killed(spec, now_s)),
        _drilled(spec, now_s),
    ]
    try:
        cells = strips.strip(spec, store, int(now_s * 1000))
    except UNREADABLE:
        cells = []  # the gates say why
    return Standing(name=name, series=str(spec.key), gates=gates, strip=[Mark(*cell) for cell in cells])


def _tried(asks: str, path: Path, look_at: Callable[[], tuple[bool, str, float | None]]) -> Gate:
    """A gate that reads the journal: one that cannot be read is red, and named."""
    try:
        green, found, age_s = look_at()
        return _gate(asks, green, found, path, age_s)
    except UNREADABLE as error:
        return _gate(asks, False, str(error), path, None)


def _clean(found: LiveFile, spec: Spec, store: BarStore, now_s: float) -> tuple[bool, str, float | None]:
    days, why = strips.clean_days(spec, store, int(now_s * 1000), found.clean_days)
    text = f"{days} of {found.clean_days}" + (f": {why}" if why else "")
    return days >= found.clean_days, text, _age(spec.place.decisions, now_s)


def _healthy(spec: Spec, store: BarStore, now_s: float) -> tuple[bool, str, float | None]:
    state = health.one(spec.tag, spec, store, int(now_s * 1000))
    return state.state == "OK", f"{state.state}: {state.detail}", _age(spec.place.decisions, now_s)


def _equal(spec: Spec, now_s: float) -> Gate:
    done, age, fresh = _last_check(spec, now_s)
    text = "never checked" if done is None else done.result + ("" if fresh else ", too long ago")
    if done is not None and done.result == "PASS":
        text += f": {done.rows} decisions, {done.trades} trades, {done.explained} explained"
    elif done is not None:
        text += ": " + next((line for line in done.told if line.startswith("Cause")), done.told[-1])
    green = fresh and done is not None and done.result == "PASS"
    return _gate("equivalence PASS", green, text, check.file_of(spec.tag), age)


def _drilled(spec: Spec, now_s: float) -> Gate:
    done, age, fresh = _last_check(spec, now_s)
    text = "never" if done is None else done.drill or "came back to the same bytes"
    green = fresh and done is not None and not done.drill
    return _gate("restart drill passed", green, text, check.file_of(spec.tag), age)


def _last_check(spec: Spec, now_s: float) -> tuple[check.Checked | None, float | None, bool]:
    done = check.last_of(spec.tag)
    done = done if done is not None and done.of == check.name_of(spec) else None
    age = None if done is None else now_s - done.at_s
    return done, age, age is not None and 0 <= age <= CHECK_S


def _limited(found: LiveFile, now_s: float) -> Gate:
    lacking, file = found.limits.lacking, config.path_of()
    text = f"not set: {', '.join(lacking)}" if lacking else "all four are set"
    return _gate("limits set by a person", not lacking, text, file, _age(file, now_s))


def _killed(spec: Spec, now_s: float) -> tuple[bool, str, float | None]:
    """Whether a step has seen the switch on, and off again, within a day."""
    path = spec.place.events
    rows = LinesFile(path=path, columns=names.EVENTS).peek(1000) if path.exists() else []
    seen = [row for row in rows if row[KIND] in ("kill", "released")]
    tried = next((row for row in reversed(seen) if row[KIND] == "kill"), None)
    age = None
    if tried is not None:
        with suppress(ValueError):
            age = now_s - dt.datetime.fromisoformat(tried[AT]).timestamp()
    recent = age is not None and 0 <= age <= DAY_S
    if kill_switch.state() is not None:
        green, text = False, "it is on"
    elif tried is None:
        green, text = False, "no step has ever seen it on"
    elif seen[-1][KIND] == "kill":
        green, text = False, "seen on; no step has seen it off again yet"
    else:
        green, text = recent, "seen on, and off again" + ("" if recent else ", too long ago")
    return green, text, age


def _gate(asks: str, green: bool, found: str, path: Path, age_s: float | None) -> Gate:
    with suppress(ValueError):
        path = path.relative_to(paths.root())
    return Gate(asks=asks, green=green, found=found, evidence=str(path), age_s=age_s)


def _age(path: Path, now_s: float) -> float | None:
    try:
        return max(0.0, now_s - path.stat().st_mtime)
    except OSError:
        return None


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


def aged(age_s: float | None) -> str:
    """`3 min`, `5.2 h`, `12 days`."""
    if age_s is None:
        return ""
    if age_s < 5400:
        return f"{age_s / 60:.0f} min"
    return f"{age_s / 3600:.1f} h" if age_s < 2 * DAY_S else f"{age_s / DAY_S:.0f} days"


def as_json(found: GoLive) -> dict[str, object]:
    """For monitors: what the table says, and of each loop its verdict."""
    content: dict[str, object] = msgspec.to_builtins(found)
    content["loops"] = [
        {"verdict": "GO" if loop.green else "NO-GO", **msgspec.to_builtins(loop)} for loop in found.loops
    ]
    return content
