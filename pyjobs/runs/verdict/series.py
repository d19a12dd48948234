"""The age of every series that is kept up to date: those of the desk, and the instances that no desk names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from pyjobs.market.bars import TIMEFRAME_MS, SeriesKey
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.desk.snapshot import session_of
from pyjobs.market.exchanges import Exchange
from pyjobs.market.ingest import looks, silence
from pyjobs.market.ingest.lost import stretches
from pyjobs.market.providers.krx_board import NAME as KRX_SHARES
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.times import utc_text
from pyjobs.market.universe.due import ready_session
from pyjobs.market.universe.looking import looked
from pyjobs.market.universe.symbol_states import SymbolState, not_waited_for
from pyjobs.runs.verdict import words
from pyjobs.runs.verdict.findings import Check, State, many
from utils import trading_day
from utils.errors import NightdeskError
from utils.trading_day import Calendar
from utils.wording import first_of

DAY_MS = 86_400_000
LEAST_BUDGET_S = 3600.0
FEW_LOST = 3
AHEAD_MS = 60_000
FRESH_MS = 4 * DAY_MS  # a market's longest weekend
Rule = Literal["minutes", "session", "fetched", "any"]
"""Kept up to date all day; up to the last closed session; the same, fetched by a desk; has a bar at all."""
STRICT: dict[Rule, int] = {"minutes": 0, "session": 1, "fetched": 2, "any": 3}


def check_all(
    wanted: Sequence[tuple[SeriesKey, str, Rule]],
    store: BarStore,
    now_s: float,
    flags: Mapping[SeriesKey, str] = MappingProxyType({}),
    silent_ms: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[Check]:
    """One check for each series of (series, market, rule), by the strictest rule that is given for it.

    `flags`: what a command needs to be about the desk that has a series (` --desk us`), where it needs that.
    `silent_ms`: by exchange, after how long without a trade a series of it is silent; elsewhere an hour.
    """
    by_key: dict[SeriesKey, tuple[str, Rule]] = {}
    for key, market, rule in sorted(wanted, key=lambda each: (str(each[0]), STRICT[each[2]])):
        by_key.setdefault(key, (market, rule))
    known: dict[str, dict[str, SymbolState]] = {}
    delivering, bare, late = set[str](), list[SeriesKey](), list[tuple[SeriesKey, str, Check]]()
    for key, (market, rule) in by_key.items():
        try:
            calendar, newest = trading_day.load(market), store.newest(key)
            absent = not_waited_for(key, known) if rule in ("fetched", "minutes") else None
            if absent is not None and rule == "minutes" and newest and absent.state != "misfit":
                absent = None
        except (NightdeskError, OSError) as error:
            yield Check(f"data {key}", "FAIL", f"cannot be read: {error}", "data")
            continue
        if newest and (rule != "minutes" or now_s * 1000 - newest[0] < FRESH_MS):
            delivering.add(key.exchange)
        if absent is not None:
            yield _absent(key, absent)
        elif newest is None and rule == "fetched":
            bare.append(key)
        else:
            after_ms = silent_ms.get(key.exchange, looks.HOUR_MS)
            found = _look(key, newest[0] if newest else None, calendar, now_s, rule, after_ms)
            if rule == "minutes" and found.state == "FAIL" and newest:
                late.append((key, market, found))
            elif found.state == "OK" and rule in ("minutes", "fetched"):
                yield _still_well(store, key, market, found, now_s, after_ms)
            else:
                yield found
    yield from (_bare(key, delivering, flags.get(key, "")) for key in bare)
    yield from (_silent(store, key, market, found, now_s, key.exchange in delivering) for key, market, found in late)


def _absent(key: SeriesKey, known: SymbolState) -> Check:
    """The check of a series without due bars; a name that was never known may be a typing error."""
    doubtful = known.state in ("unknown", "misfit")
    phrase = f" ({known.detail})" if doubtful and known.detail else ""
    text = f"{known.state} since {known.since}{phrase}: its bars are not waited for"
    return Check(f"data {key}", "WARN" if doubtful else "OK", text, "data")


def _still_well(store: BarStore, key: SeriesKey, market: str, well: Check, now_s: float, after_ms: int) -> Check:
    """A series whose bars come: whether there are trades in them, and none is lost since a long pause."""
    try:
        dead = market == "24/7" and silence.silent_since(store, key, market, int(now_s * 1000), silent_ms=after_ms)
        lost = stretches(store, key, market)
    except (NightdeskError, OSError) as error:
        return Check(well.name, "FAIL", f"cannot be read: {error}", "data")
    lines = (
        [f"silent since {utc_text(dead)}: its bars come, and there is no trade in them. Is it gone?"] if dead else []
    )
    if lost:
        each = [f"{utc_text(int(times[0]))} to {utc_text(int(times[-1]))}" for times in lost]
        lines.append(
            f"{sum(times.size for times in lost)} bars from {first_of(each, FEW_LOST)} can no longer be had; import "
            f"them from a file, or take them for lost: python -m pyjobs.gap_repair --accept-lost {key.flags}"
        )
    return Check(well.name, "WARN", "; ".join(lines), "data") if lines else well


def _silent(store: BarStore, key: SeriesKey, market: str, late: Check, now_s: float, others_deliver: bool) -> Check:
    """A series that is kept up to date is late: whether it is asked for all the same and its provider has none."""
    since = silence.silent_since(store, key, market, int(now_s * 1000))
    known = looks.load(store, key)
    long_ago = now_s * 1000 - 2 * looks.LONGEST_PAUSE_MS  # then no job asks for it any more
    if since is None or known is None or known.asked_ms < max(since, long_ago):
        return late
    text = f"silent since {utc_text(since)}, asked {utc_text(known.asked_ms)}: its provider has no newer bar"
    if not others_deliver:
        return Check(late.name, "FAIL", f"{text}, nor of any other of {key.exchange}", "data")
    return Check(
        late.name,
        "WARN",
        f"{text}; of others of {key.exchange} it has. Is it gone? Then so may be its instance",
        "data",
    )


def _bare(key: SeriesKey, delivering: Collection[str], flag: str) -> Check:
    """The check of a fetched series without a bar, by whether others of its exchange have some."""
    command = f"python -m pyjobs.fetch{flag}"
    if key.exchange in delivering:
        text = f"no bars yet, others of {key.exchange} have some: a later night brings them; {command}"
        return Check(f"data {key}", "WARN", text, "data")
    return Check(f"data {key}", "FAIL", f"no bars at all: {command}", "data")


def _look(key: SeriesKey, newest_ms: int | None, calendar: Calendar, now_s: float, rule: Rule, silent_ms: int) -> Check:
    if newest_ms is not None and newest_ms > now_s * 1000 + AHEAD_MS + min(TIMEFRAME_MS[key.timeframe], DAY_MS):
        at = dt.datetime.fromtimestamp(newest_ms / 1000, dt.UTC)
        return Check(
            f"data {key}",
            "WARN",
            f"newest bar closes {at:%Y-%m-%d %H:%M} UTC, later than now: is the clock right?",
            "data",
        )
    if newest_ms is not None and rule == "any":
        day = session_of(calendar.market)(newest_ms)
        return Check(f"data {key}", "OK", f"last bar {day}; the desk is about its newest bar", "data")
    if (
        newest_ms is not None
        and rule == "minutes"
        and TIMEFRAME_MS[key.timeframe] < DAY_MS
        and calendar.market == "24/7"
    ):
        return by_the_minute(key, newest_ms, calendar, now_s, silent_ms / 1000)
    last = session_of(calendar.market)(newest_ms) if newest_ms is not None else None
    return by_session(str(key), last, calendar, now_s)


def by_session(series: str, last_session: dt.date | None, calendar: Calendar, now_s: float) -> Check:
    """How many closed sessions of its market a series lacks: one is a WARN, more are a FAIL."""
    name = f"data {series}"
    if last_session is None:
        return Check(
            name,
            "FAIL",
            "no bars at all: import or fetch them (python -m pyjobs.import_bars, batch/run_ingest.sh)",
            "data",
        )
    newest = calendar.last_closed_session(now_s).date
    behind = 0
    if last_session < newest:
        behind = len(calendar.sessions_between(max(last_session, calendar.first), newest))
        behind -= calendar.session(max(last_session, calendar.first)) is not None
    state: State = "OK" if behind <= 0 else "WARN" if behind == 1 else "FAIL"
    late = "" if state == "OK" else f", {many(behind, 'session')} behind {newest}"
    return Check(name, state, f"last bar {last_session}{late}", "data")


def by_the_minute(
    key: SeriesKey, newest_ms: int, calendar: Calendar, now_s: float, least_s: float = LEAST_BUDGET_S
) -> Check:
    """How old the newest bar of a market that never closes is: past its budget a WARN, past a day a FAIL."""
    age_s = now_s - newest_ms / 1000
    budget_s = max(3 * TIMEFRAME_MS[key.timeframe] / 1000, least_s)
    state: State = "OK" if age_s <= budget_s else "WARN" if age_s <= 86_400 + budget_s else "FAIL"
    at = dt.datetime.fromtimestamp(newest_ms / 1000 + calendar.utc_offset_s(newest_ms / 1000), dt.UTC)
    late = f", {words.age(age_s)} old, budget {words.age(budget_s)}" if state != "OK" else ""
    return Check(f"data {key}", state, f"last bar {at:%Y-%m-%d %H:%M}{late}", "data")


def check_boards(found: Sequence[Desk], exchanges: Mapping[str, Exchange], now_s: float) -> Iterator[Check]:
    """Whether boards of earlier sessions are looked at again, of each exchange of a desk that has some."""
    some = {each.exchange for desk in found for each in desk.instruments if each.fetched}
    for name in sorted(some & exchanges.keys()):
        exchange = exchanges[name]
        if exchange.provider != KRX_SHARES:
            continue
        try:
            late = looked.late(name, exchange.market, ready_session(exchange, now_s).date)
            known = looked.load(name)
        except (NightdeskError, OSError) as error:
            yield Check(f"boards {name}", "FAIL", f"cannot be read: {error}", "boards")
            continue
        tried = many(len(known.tried), "session")
        again = f"; {tried} could not be, and will be asked for again" if known.tried else ""
        if len(late) > looked.LATE:
            text = f"{len(late)} sessions since {late[0]} were not looked at again: the night and the end of day do it"
            yield Check(f"boards {name}", "WARN", text + again, "boards")
        elif known.looked:
            text = f"looked at again up to {known.looked.get('session', 'none')}"
            yield Check(f"boards {name}", "OK", text + again, "boards")


def newest_sessions(instruments: Sequence[Instrument], store: BarStore) -> dict[str, str]:
    """The session of the newest bar of each series that has bars (`exchange:symbol:timeframe`)."""
    found = {}
    for each in instruments:
        try:
            newest = store.newest(each.key)
            if newest:
                found[str(each.key)] = str(session_of(each.market)(newest[0]))
        except (NightdeskError, OSError):
            continue
    return found
