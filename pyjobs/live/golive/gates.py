"""The gates between a loop and money, each green or red, with the file that shows it and how old that is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pyjobs.live import config, health, kill_switch
from pyjobs.live.config import LiveFile
from pyjobs.live.golive import check, strips
from pyjobs.live.golive.table import DAY_S, Gate, GoLive, Mark, Standing
from pyjobs.live.journal import names
from pyjobs.live.journal.lines import LinesFile
from pyjobs.live.spec import Spec
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.open_store import open_store
from utils import paths
from utils.errors import NightdeskError

CHECK_S = 1.5 * DAY_S  # a nightly check, and half a day for one that is late
UNREADABLE = (NightdeskError, OSError, ValueError)
KIND, AT = names.EVENTS.index("kind"), names.EVENTS.index("at")


def look(now_s: float) -> GoLive:
    """Every loop of live.yaml. Raises ConfigError for a file that cannot be read."""
    found, store = config.load(), open_store()
    return GoLive(at_s=now_s, loops=[_one(found, name, store, now_s) for name in found.loops])


def _one(found: LiveFile, name: str, store: BarStore, now_s: float) -> Standing:
    try:
        spec = config.named(found, name)
    except NightdeskError as error:
        gate = Gate(asks="the loop can be", green=False, found=str(error), evidence="", age_s=None)
        return Standing(name=name, series="", gates=[gate], strip=[], unread=str(error))
    gates = [
        _tried(f"{found.clean_days} clean days", spec.place.decisions, lambda: _clean(found, spec, store, now_s)),
        _equal(spec, now_s),
        _tried("health OK", spec.place.decisions, lambda: _healthy(spec, store, now_s)),
        _limited(found, now_s),
        _tried("kill switch tried within 24 h", spec.place.events, lambda: _killed(spec, now_s)),
        _drilled(spec, now_s),
    ]
    unread, cells = "", list[strips.Cell]()
    try:
        cells = strips.strip(spec, store, int(now_s * 1000))
    except UNREADABLE as error:
        unread = str(error)
    marks = [Mark(*cell) for cell in cells]
    return Standing(name=name, series=str(spec.key), gates=gates, strip=marks, unread=unread)


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
    unproven = "" if done is None or done.result != "PASS" else check.unproven(spec, done)
    if unproven:
        text = unproven
    elif done is not None and done.result == "PASS":
        text += f": {done.rows} decisions, {done.trades} trades, {done.explained} explained"
    elif done is not None:
        text += ": " + next((line for line in done.lines if line.startswith("Cause")), done.lines[-1])
    green = fresh and done is not None and done.result == "PASS" and not unproven
    return _gate("equivalence PASS", green, text, check.file_of(spec.tag), age)


def _drilled(spec: Spec, now_s: float) -> Gate:
    done, age, fresh = _last_check(spec, now_s)
    unproven = "" if done is None or done.drill else check.unproven(spec, done)
    text = "never" if done is None else done.drill or unproven or "came back to the same bytes"
    green = fresh and done is not None and not done.drill and not unproven
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
