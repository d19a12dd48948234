"""PASS or FAIL of a live journal against a backtest of its window, with the first mismatch and its cause."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyjobs.live.deciding.seen import Seen
from pyjobs.live.equal import causes, window
from pyjobs.live.equal.compare import NEVER_FLAT, Compared, Explain, Mismatch, by_events, compare
from pyjobs.live.equal.logs import BadLine, Log, around_in, read, spec_of
from pyjobs.live.equal.replay import replay
from pyjobs.live.journal import names
from pyjobs.live.journal.lines import Row
from pyjobs.live.journal.names import EVENTS
from pyjobs.live.journal.place import Place
from pyjobs.live.spec import Spec, code_of
from pyjobs.market.bars import COLUMNS, Bars

SHOWN = slice(names.TS_MS, names.TS_MS + len(COLUMNS))
AROUND = 2  # bars shown on either side of the first mismatch
KIND = EVENTS.index("kind")


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The result; `cause` and `first` of the first mismatch, in the order replay, decisions, trades."""

    live_tag: str
    other_tag: str
    decisions: bool = False
    trades: bool = False
    compared: Compared = field(default_factory=Compared)
    first: Mismatch | None = None
    cause: str = ""
    bars: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether both layers pass."""
        return self.decisions and self.trades


def judge(live_place: Place, other_place: Place, *, stored: Seen | None = None) -> Verdict:
    """See the module. `stored`: the store's bars, where the backtest was made of them.

    Raises MissingInputError and ConfigError for what is not there or not ours.
    """
    made = Verdict(live_tag=live_place.tag, other_tag=other_place.tag)
    with no_cycles():
        return _judged(made, live_place, other_place, stored)


@contextmanager
def no_cycles() -> Iterator[None]:
    """Without the collector of cycles, which looks at millions of cells again and again, and finds none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _judged(made: Verdict, live_place: Place, other_place: Place, stored: Seen | None) -> Verdict:
    try:
        live = read(live_place, live=True)
    except BadLine as error:
        return broken(made, error, live_place, other_place)
    try:
        other = read(other_place, live=False)
    except BadLine as error:
        return broken(made, error, live_place, other_place)
    return judged(made, live, other, stored=stored)


def judged(made: Verdict, live: Log, other: Log, *, stored: Seen | None = None, made_here: bool = False) -> Verdict:
    """`judge` of two logs that have been read, into `made`. `made_here`: the other is no file, and needs no proof."""
    spec = spec_of(live)
    _replayed(made, live, spec)
    made.compared = compare(live, other, _explainer(live, spec, stored))
    apart = made.compared.decisions or made.compared.trades
    if apart is not None and (made.first is None or 0 < apart.ts_ms < made.first.ts_ms):
        made.first, made.cause = apart, _cause(live, other, spec, apart, stored)
    if made.first is None and not made_here:
        _refolded(made, live, other, spec, stored)
    failed = {each.layer for each in (made.first, made.compared.decisions, made.compared.trades) if each is not None}
    made.decisions, made.trades = "decisions" not in failed, "trades" not in failed
    if made.first is not None:
        made.bars = around(stored.bars if stored is not None else live.bars, made.first.ts_ms)
    return made


def broken(made: Verdict, error: BadLine, live: Place, other: Place | None = None) -> Verdict:
    """The verdict on a log of which a line cannot be read; both rows and the bars around it as they stand there."""
    text = str(error)
    layer = "trades" if "trades.csv" in text.partition(":")[0] else "decisions"
    rows = [around_in(getattr(place, layer), error.ts_ms, 0) if place else [] for place in (live, other)]
    mine, theirs = (row[0] if row else "" for row in rows)
    made.cause, made.decisions = "data changed", layer == "trades"
    made.first = Mismatch(layer=layer, ts_ms=error.ts_ms, live=mine, other=theirs, what=text)
    made.bars = [",".join(row.split(",")[SHOWN]) for row in around_in(live.bars, error.ts_ms, AROUND)]
    return made


def _replayed(made: Verdict, live: Log, spec: Spec) -> None:
    """Whether the journal follows from its own records."""
    lane = spec.lane(f"tag {live.place.tag}")
    apart = replay(live, lane)
    if apart is None:
        return
    made.cause = causes.of_replay(live, lane, apart, code_of(spec.strategy))
    made.first = Mismatch(
        layer=apart.layer, ts_ms=apart.ts_ms, live=apart.found, other=apart.wanted,
        what="the live row does not follow from the bars and marks it was decided on",
    )  # fmt: skip


def _refolded(made: Verdict, live: Log, other: Log, spec: Spec, stored: Seen | None) -> None:
    """Whether the backtest's files are what a backtest of these bars gives, also where differences are excused."""
    seen, lane = (live.seen if stored is None else stored).until(other.last_ms), spec.lane(f"tag {live.place.tag}")
    if window.is_so(lane, seen, other.decisions, other.trades):
        return
    result = other.trades.cells(0, len(names.TRADES) - 2, np.arange(len(other.trades)))
    rows, trades = window.decided(lane, seen, other.first_ms)
    found = other.decisions.cells(0, names.DETERMINISTIC, np.arange(len(other.decisions)))
    for layer, mine, wanted in (("decisions", found, rows), ("trades", result, trades)):
        if mine != wanted:
            k = next(
                (k for k, (a, b) in enumerate(zip(mine, wanted, strict=False)) if a != b), min(len(mine), len(wanted))
            )
            a, b = (mine[k : k + 1] or [""])[0], (wanted[k : k + 1] or [""])[0]
            made.first = Mismatch(
                layer=layer, ts_ms=min(int(each.split(",")[names.TS_MS]) for each in (a, b) if each), live=b, other=a,
                what="the backtest's file is not what a backtest of these bars gives",
            )  # fmt: skip
            code = other.decisions[min(k, len(other.decisions) - 1)][names.DECISIONS.index("code")]
            changed = causes.of_trade_cells(a.split(","), b.split(",")) if layer == "trades" else "data changed"
            made.cause = changed if code == code_of(spec.strategy) else "code or parameters changed"
            return


def _explainer(live: Log, spec: Spec, stored: Seen | None) -> Explain:
    """The explanation of a difference at a row: the row's own words; with the store's bars also a bar that differs
    there.
    """
    if stored is None:
        return by_events
    lookback = spec.lane(f"tag {live.place.tag}").lookback
    apart = np.array(sorted(changed_bars(live.bars, stored.bars)), dtype=np.int64)

    def explain(row: Row) -> str:
        if words := by_events(row):
            return words
        ts_ms = int(row[names.TS_MS])
        at = int(np.searchsorted(live.bars.ts_ms, ts_ms))
        begins = int(live.bars.ts_ms[max(0, at - lookback)])
        near = (apart >= begins) & (apart <= ts_ms)
        return "revised bar" if near.any() else ""

    return explain


def changed_bars(seen: Bars, stored: Bars) -> set[int]:
    """Closes, within what live has seen, at which the store has another bar, one more, or none."""
    if not len(seen):
        return set()
    inside = stored.slice(
        int(np.searchsorted(stored.ts_ms, seen.ts_ms[0])), int(np.searchsorted(stored.ts_ms, seen.ts_ms[-1], "right"))
    )
    mine, theirs = (
        {ts: values for ts, *values in zip(*(getattr(bars, name).tolist() for name in COLUMNS), strict=True)}
        for bars in (seen, inside)
    )
    return {ts for ts in mine.keys() | theirs.keys() if mine.get(ts) != theirs.get(ts)}


def _cause(live: Log, other: Log, spec: Spec, first: Mismatch, stored: Seen | None) -> str:
    """The cause of a mismatch with the backtest, where the live journal follows from its own records."""
    if first.layer == "trades":
        return causes.of_trade_cells(first.live.split(","), first.other.split(","))
    if first.what.startswith("another strategy"):
        return "code or parameters changed"
    if first.ts_ms == 0:
        return "unknown" if first.what == NEVER_FLAT else "data changed"
    code = code_of(spec.strategy)
    codes = {row[names.DECISIONS.index("code")] for row in (*live.decisions[-1:], *other.decisions[:1])}
    if not first.live:
        foreign = np.setdiff1d(live.decisions.ts_ms, live.bars.ts_ms)
        return "data changed" if foreign.size else "missing bar live"
    if codes - {code}:
        return "code or parameters changed"
    if first.other and causes.ruined_by_a_fill(live, other, first.live.split(","), first.other.split(",")):
        return "stop-fill convention"
    if stored is not None and changed_bars(live.bars, stored.bars):
        is_recorded = any(row[KIND] in ("revised", "old_bar") for row in live.events)
        return "revised bar" if is_recorded else "data changed"
    return "data changed"


def around(bars: Bars, ts_ms: int) -> list[str]:
    """The bars around a close, as cells."""
    at = int(np.searchsorted(bars.ts_ms, ts_ms))
    some = bars.slice(max(0, at - AROUND), min(len(bars), at + AROUND + 1))
    return [",".join(str(getattr(some, name)[i]) for name in COLUMNS) for i in range(len(some))]


def as_json(made: Verdict) -> dict[str, Any]:
    """For monitors."""
    found = made.compared
    return {
        "result": "PASS" if made.passed else "FAIL",
        "live_tag": made.live_tag,
        "bt_tag": made.other_tag,
        "decisions": "PASS" if made.decisions else "FAIL",
        "trades": "PASS" if made.trades else "FAIL",
        "window": [found.first_ms, found.last_ms],
        "synced_ms": found.synced_ms,
        "rows": found.rows,
        "explained": found.explained,
        "excused": [{"first_ms": a, "last_ms": b, "cause": why} for a, b, why in found.excused],
        "live_trades": found.live_trades,
        "bt_trades": found.other_trades,
        "first_mismatch": None if made.first is None else {
            "layer": made.first.layer, "ts_ms": made.first.ts_ms, "live": made.first.live, "bt": made.first.other,
            "what": made.first.what, "cause": made.cause, "bars": made.bars,
        },
    }  # fmt: skip


def as_lines(made: Verdict) -> list[str]:
    """The lines of the contract, and on FAIL the block of the sync report."""
    found = made.compared
    lines = [f"[decisions] {'PASS' if made.decisions else 'FAIL'}", f"[trades] {'PASS' if made.trades else 'FAIL'}"]
    if found.live_trades != found.other_trades:
        lines.append(f"[trades] length mismatch: LIVE={found.live_trades} BT={found.other_trades}")
    if made.passed:
        text = f"{found.rows} decisions and {found.live_trades} trades compared from {found.synced_ms} on"
        excused = f"; {found.explained} differ and are explained ({_by_cause(found)})" if found.explained else ""
        return [*lines, text + excused]
    assert made.first is not None, "what does not pass has a first mismatch"
    run = made.other_tag.partition("_bt_")[2]
    return [
        *lines,
        "Result: FAIL",
        f"DATA_TAG={made.live_tag}",
        f"RUNID={run}",
        f"Layer: {made.first.layer}",
        f"Window overlap: [{found.first_ms}, {found.last_ms}]",
        f"First mismatch (ts_ms or trade index): {made.first.ts_ms}",
        f"  LIVE: {made.first.live or '-'}",
        f"  BT:   {made.first.other or '-'}",
        f"  {made.first.what}",
        f"  bars around it ({','.join(COLUMNS)}):",
        *(f"    {line}" for line in made.bars),
        f"Cause: {made.cause}",
        f"Hypothesis (1 sentence, no solution yet): {causes.CAUSES[made.cause]}",
        f"Next check I will run (1 command): grep -n {made.first.ts_ms} data/processed/*/{made.live_tag}*/*/*/*.csv",
    ]


def _by_cause(found: Compared) -> str:
    count: dict[str, int] = {}
    for _, _, why in found.excused:
        count[why] = count.get(why, 0) + 1
    return ", ".join(f"{why}: {n} stretches" for why, n in sorted(count.items()))
