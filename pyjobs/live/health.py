"""The state of each paper loop, for health: are its decisions stale, its bars, its cadence clean again after a gap.

A market that is closed has nothing due. After a restart or a gap the last decisions are late or apart from each other:
a WARN, until `GRACE` of them in a row are not (`clean_trailing_cadence_diffs` climbs).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from pyjobs.live import config, kill_switch, limits
from pyjobs.live.journal import names
from pyjobs.live.journal.lines import LinesFile, Row
from pyjobs.live.spec import Spec
from pyjobs.market.ingest.expected import expected_closes
from pyjobs.market.ingest.gaps import missing_bars
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.open_store import open_store
from pyjobs.market.times import utc_text
from utils.errors import NightdeskError

GRACE = 12  # decisions in a row, on time and without a gap between them
SEEN = 200  # rows in which markers are looked for
UNDECIDED_WARN, UNDECIDED_FAIL = 2, 5  # stored bars after the last decision; the newest is always one
SLACK_MS = 180_000
LATE, BLOCKED, RISK = (names.DECISIONS.index(each) for each in ("late", "blocked_by", "risk"))
KIND, DETAIL, AT = (names.EVENTS.index(each) for each in ("kind", "detail", "at"))
State = Literal["OK", "WARN", "FAIL"]
ORDER: tuple[State, ...] = ("OK", "WARN", "FAIL")


class Standing(NamedTuple):
    """One loop, or all loops together: its state, and why."""

    name: str
    state: State
    detail: str


def look(now_ms: int) -> Iterator[Standing]:
    """Every loop of live.yaml, and the kill switch while it is on; nothing where there is no loop."""
    try:
        found = config.load()
    except (NightdeskError, OSError) as error:
        yield Standing("live", "FAIL", str(error))
        return
    kill = kill_switch.state()
    if kill is not None and found.loops:
        yield Standing("live kill switch", "WARN", f"on since {kill.at or 'the file was made by hand'}: {kill.reason}")
    if found.limits.any_set:
        yield from _forbidden(found, now_ms)
    store = open_store()
    for name in found.loops:
        try:
            yield one(f"live {name}", config.named(found, name), store, now_ms)
        except (NightdeskError, OSError, ValueError) as error:
            yield Standing(f"live {name}", "FAIL", f"cannot be read: {error}")


def _forbidden(found: config.LiveFile, now_ms: int) -> Iterator[Standing]:
    """The journal that keeps the loops of live.yaml from their limits' totals, and so from every entry; if there is."""
    configured = config.places(found)
    for place in configured[:2]:  # the others of one are all but itself
        known = limits.totals(limits.others(place, configured), now_ms, configured)
        if isinstance(known, limits.Unreadable):
            yield Standing("live limits", "FAIL", known.why)
            return


def one(name: str, spec: Spec, store: BarStore, now_ms: int) -> Standing:
    """The state of one loop. Raises BadDataError for a journal that is not what was written."""
    rows = _last(spec, "decisions", SEEN)
    if not rows:
        return Standing(name, "WARN", "has not decided anything yet")
    last = int(rows[-1][names.TS_MS])
    found: list[tuple[State, str]] = []
    undecided = int((store.read(spec.key, start_ms=last + 1)).ts_ms.size)
    if undecided > UNDECIDED_WARN:
        state: State = "FAIL" if undecided > UNDECIDED_FAIL else "WARN"
        stale = f"decisions are stale: {undecided} stored bars are not decided since {utc_text(last)}"
        found.append((state, stale))
    found += _standing_still(spec, store, last, now_ms)
    found += _failing(spec)
    clean = clean_trailing(rows, spec, store)
    if clean < min(GRACE, len(rows) - 1):
        found.append(("WARN", f"cadence is not clean yet (of {GRACE})"))
    marked = sum("persist_failed" in row[BLOCKED] for row in rows)
    if marked:
        found.append(("WARN", f"{marked} of the last {len(rows)} bars could not be stored (persist_failed)"))
    asked = next((row for row in reversed(rows) if row[RISK]), None)
    if asked is not None and "limits_unreadable" in asked[BLOCKED]:
        when, of = utc_text(int(asked[names.TS_MS])), asked[RISK].partition("=")[2]
        found.append(("WARN", f"the last order, of {when}, was forbidden by limits_unreadable, of {of}"))
    worst: State = max((each[0] for each in found), key=ORDER.index, default="OK")
    lines = [detail for _, detail in found] or [f"decided up to {utc_text(last)}"]
    return Standing(name, worst, "; ".join([*lines, f"clean_trailing_cadence_diffs {clean}"]))


def _standing_still(spec: Spec, store: BarStore, last: int, now_ms: int) -> list[tuple[State, str]]:
    """Whether the series itself has no newer bars although its market was open."""
    newest = store.newest(spec.key)
    since = max(last, newest[0] if newest else 0)
    due = expected_closes(spec.market, spec.timeframe, since + 1, now_ms - SLACK_MS)
    if due.size <= UNDECIDED_WARN:
        return []
    state: State = "FAIL" if due.size > 4 * UNDECIDED_FAIL else "WARN"
    return [(state, f"no new bars: {due.size} should have come since {utc_text(since)}")]


def _failing(spec: Spec) -> list[tuple[State, str]]:
    """Whether the last that is known of its provider is a failure, and since when."""
    lines = [row for row in _last(spec, "events", SEEN) if row[KIND] in ("fetch_failed", "fetch_ok")]
    if not lines or lines[-1][KIND] == "fetch_ok":
        return []
    return [("WARN", f"nothing came since {lines[-1][AT]} ({lines[-1][DETAIL]})")]


def clean_trailing(rows: list[Row], spec: Spec, store: BarStore) -> int:
    """How many of the last decisions, at most GRACE, were on time and had no missing bar before them."""
    first = int(rows[-min(len(rows), GRACE + 1)][names.TS_MS])
    last = int(rows[-1][names.TS_MS])
    missing = set(missing_bars(store, spec.key, spec.market, first_ms=first, last_ms=last).tolist())
    count = 0
    for before, row in zip(reversed(rows[:-1]), reversed(rows), strict=False):
        low, high = int(before[names.TS_MS]), int(row[names.TS_MS])
        if row[LATE] == "1" or any(low < ts_ms < high for ts_ms in missing) or count == GRACE:
            break
        count += 1
    return count


def _last(spec: Spec, which: Literal["decisions", "events"], rows: int) -> list[Row]:
    """The last whole rows of one of its files; none where it is not there. A running step may add to it."""
    path = spec.place.decisions if which == "decisions" else spec.place.events
    if not path.exists():
        return []
    columns = names.DECISIONS if which == "decisions" else names.EVENTS
    return LinesFile(path=path, columns=columns).peek(rows)
