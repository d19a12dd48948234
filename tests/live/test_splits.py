"""A split while a position is open rescales state, stop and what is looked back on, once, by the recorded factor."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyjobs.account.single.engine import Money, run_symbol
from pyjobs.live.deciding.seen import Seen, scaled, seen_in
from pyjobs.live.equal import run_window, verdict
from pyjobs.live.equal.logs import read
from pyjobs.live.feed import Answer
from pyjobs.live.journal.journal import Journal
from pyjobs.live.spec import Spec
from pyjobs.live.splits import as_seen, rebased, recorded
from pyjobs.live.step import Loop, Setting, step
from pyjobs.market.bars import Bars
from pyjobs.market.store.bar_store import BarStore
from pyjobs.strategy import kernel
from pyjobs.strategy.registry import make_setup
from tests.live.support.worlds import PARAMS, a_loop, cells
from tests.live.test_kills import days_of_krx, krx_spec
from utils.errors import BadDataError

DAYS = days_of_krx(150, 3)
FIRST, AT, END = 60, 78, 92  # bars decided; at the second of them a position is held
QUARTER = 0.25  # four new shares for one: exact in binary, so that both ways of counting give the same bits


def split_at(bars: Bars, at: int, factor: float) -> Bars:
    """As they were traded: the price falls at bar `at`."""
    after = np.where(np.arange(len(bars)) >= at, factor, 1.0)
    return scaled(bars, after)


def date_of(bars: Bars, at: int) -> str:
    return dt.datetime.fromtimestamp(int(bars.ts_ms[at]) / 1000, dt.UTC).date().isoformat()  # Seoul closes 06:30 UTC


def told(home: Path, *lines: str) -> None:
    (home / "data/actions").mkdir(parents=True, exist_ok=True)
    text = "\n".join(["symbol,session,action,ratio,source", *lines])
    (home / "data/actions/MADEUP.csv").write_text(text + "\n")


def a_day(loop: Loop, bars: Bars, upto: int) -> None:
    loop.take(Answer(bars=bars.slice(max(0, upto - 60), upto), final=True, splits=tuple(recorded(loop.spec))))


def is_held(loop: Loop) -> bool:
    """Whether it has held a position with a stop for some days."""
    return loop.stand.s[kernel.SIDE] != 0.0 and loop.stand.s[kernel.HELD] >= 2.0


def judged(tag: str, *, stored: Seen | None = None) -> verdict.Verdict:
    words: dict[str, Any] = {"symbol": "", "timeframe": "", "start_ms": None, "end_ms": None}
    run_window.run(tag, "r", **words, from_store=stored is not None, at="2026-01-01T00:00:00Z")
    return verdict.judge(*run_window.places(tag, f"{tag}_bt_r", "", ""), stored=stored)


@pytest.fixture
def lived(home: Path) -> tuple[Spec, Bars, int]:
    """A loop through a recorded split amid a position, opened anew at each bar; its bars as traded; the split's bar."""
    bars, spec = split_at(DAYS, AT, QUARTER), krx_spec("split")
    told(home, f"005930,{date_of(DAYS, AT)},base,{QUARTER},made up", f"000660,{date_of(DAYS, AT)},base,0.5,another")
    loop = a_loop(spec)
    for upto in range(FIRST, END + 1):
        assert upto != AT + 1 or is_held(loop)
        loop = a_loop(spec) if AT - 2 < upto < AT + 4 else loop
        a_day(loop, bars, upto)
    return spec, bars, AT


def test_a_loop_goes_through_a_split_as_if_all_prices_had_ever_been_in_the_shares_of_now(
    lived: tuple[Spec, Bars, int],
) -> None:
    spec, bars, at = lived
    rows, trades = cells(spec.place.decisions), cells(spec.place.trades)
    setup, money = make_setup("ma_cross", {**PARAMS, "max_bars": 9}, source="test"), Money(cash=10_000.0, fee_bps=10.0)
    first = int(rows[0]["ts_ms"])
    known = scaled(DAYS.slice(FIRST - 1 - setup.lookback, END), QUARTER)
    found = run_symbol("005930", known, setup, money=money, start_ms=first).rows.tolist()
    ended = [row for row in found if row[7] != kernel.STILL_OPEN]
    assert [(int(t["signal_ts_ms"]), int(t["entry_ts_ms"]), int(t["ts_ms"])) for t in trades] == [
        (int(row[1]), int(row[2]), int(row[5])) for row in ended
    ]
    across = next(t for t in trades if int(t["entry_ts_ms"]) < bars.ts_ms[at] <= int(t["ts_ms"]))
    row = ended[trades.index(across)]
    assert (float(across["entry_price"]), float(across["stop"])) == (row[3], row[4])
    before, after = (next(r for r in rows if int(r["ts_ms"]) == bars.ts_ms[k]) for k in (at - 1, at))
    assert float(after["quantity"]) == float(before["quantity"]) * 4 and after["cash"] == before["cash"]
    assert float(after["state"].split("|")[kernel.ENTRY_PRICE]) * 4 == float(before["state"].split("|")[3])
    assert 0.8 < float(after["equity"]) / float(before["equity"]) < 1.2  # four times the shares at a quarter each


def test_the_split_is_an_event_and_a_record_and_replay_and_backtest_follow_from_it(
    lived: tuple[Spec, Bars, int],
) -> None:
    spec, bars, at = lived
    events = [row for row in cells(spec.place.events) if row["kind"] == "split"]
    assert [(int(row["ts_ms"]), row["detail"]) for row in events] == [
        (int(bars.ts_ms[at]), "all before it counts times 0.25")
    ]
    kinds = {int(row["ts_ms"]): row["kind"] for row in cells(spec.place.bars)}
    assert kinds.pop(int(bars.ts_ms[at])) == "decided:0.25" and set(kinds.values()) == {"warm_up", "decided"}
    assert not [row for row in cells(spec.place.events) if row["kind"] in ("revised", "old_bar")]
    made = judged("split")
    assert made.passed and made.compared.explained == 0, "\n".join(verdict.as_lines(made))


def test_a_series_that_is_re_based_as_a_whole_moves_a_loop_once(home: Path) -> None:
    assert home.is_dir()
    spec, now = krx_spec("based"), scaled(DAYS, 0.02)
    now = Bars(**{name: np.round(getattr(now, name), 4) if name != "ts_ms" else now.ts_ms for name in Bars.__slots__})
    for upto in range(FIRST, END + 1):
        loop, bars = a_loop(spec), DAYS if upto < AT else now  # re-based a day before a new bar comes
        answer = Answer(bars=bars.slice(max(0, upto - 60), upto if upto != AT else AT - 1), final=True, splits=None)
        loop._note_revisions(answer)
        loop.take(answer)
    events = cells(spec.place.events)
    assert [row["detail"] for row in events if row["kind"] == "split"] == ["all before it counts times 0.02"]
    plain = a_loop(krx_spec("other"))
    for upto in (*range(FIRST, AT), *range(AT + 1, END + 1)):
        plain.take(Answer(bars=DAYS.slice(max(0, upto - 60), upto), final=True))
    mine, others = (cells(tag.place.trades) for tag in (spec, plain.spec))
    assert len(mine) > 2 and [t["ts_ms"] for t in mine] == [t["ts_ms"] for t in others]
    for one, other in zip(mine, others, strict=True):
        assert float(one["return"]) == pytest.approx(float(other["return"]), abs=1e-3)
    log = read(spec.place, live=True)
    made = judged("based")
    assert made.passed, "\n".join(verdict.as_lines(made))
    there = as_seen(log.seen, now.slice(0, END))
    assert verdict.changed_bars(log.bars, there.bars) == set()


def test_an_open_as_after_a_split_waits_until_a_person_says_what_it_was(home: Path) -> None:
    spec, bars = krx_spec("waits"), split_at(DAYS, 100, 0.02)
    store = BarStore(home / "data/raw")

    def stepped(upto: int) -> int:
        store.write(spec.key, bars.slice(0, upto), provider="test", fetched_at_ms=0, adjusted="raw", last_final=True)
        return step(spec, Setting(now_ms=lambda: 2 * 10**12, fetched=False)).rows

    assert stepped(99) == 1 and stepped(100) == 1
    for upto in (101, 103):
        with pytest.raises(
            BadDataError, match=r"as after a split, and none is recorded: that bar waits\. Write '005930,20"
        ):
            stepped(upto)
    assert [int(row["ts_ms"]) for row in cells(spec.place.decisions)] == bars.ts_ms[98:100].tolist()
    told(home, f"005930,{date_of(DAYS, 100)},split,50:1,")
    assert stepped(104) == 4
    rows = cells(spec.place.decisions)
    assert [row["late"] for row in rows] == ["0", "0", "1", "1", "1", "0"]
    told(home, f"005930,{date_of(DAYS, 100)},split,50:1,", f"005930,{date_of(DAYS, 103)},base,0.93,late")
    assert stepped(105) == 1
    late = [row["detail"] for row in cells(spec.place.events) if row["kind"] == "split"]
    assert late[-1] == f"base of {date_of(DAYS, 103)} came after its bar was decided: nothing is rescaled"
    assert judged("waits").passed


def test_a_factor_is_a_ratio_of_whole_numbers_where_it_is_one_but_for_rounding() -> None:
    seen = Seen.of(DAYS.slice(0, 16))
    for factor, wanted in ((0.02, 0.02), (2 / 3, 2 / 3), (50.002, 50.0), (0.9876, 0.9876), (1.0005, 1.0)):
        stored = scaled(seen.bars, factor)
        found = rebased(seen, Bars(**{n: getattr(stored, n) for n in Bars.__slots__}))
        assert found == pytest.approx(wanted, abs=1e-9)


def test_a_factor_that_cannot_be_is_refused() -> None:
    row = ["MADEUP", "X", "1d", "86400000", "1", "1", "1", "1", "1", "decided:0", "0"]
    with pytest.raises(BadDataError, match="not above zero"):
        seen_in([row])


@pytest.mark.parametrize("written", ["the event", "nothing"])
def test_a_kill_about_a_split_leaves_one_event_of_it(home: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    bars, spec = split_at(DAYS, AT, QUARTER), krx_spec("killed")
    told(home, f"005930,{date_of(DAYS, AT)},base,{QUARTER},made up")
    a_day(a_loop(spec), bars, AT)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        loop = a_loop(spec)
        patch.setattr(Journal, "append" if written == "the event" else "event", killed)
        a_day(loop, bars, AT + 1)
    a_day(a_loop(spec), bars, AT + 1)
    assert cells(spec.place.bars)[-1]["kind"] == "decided:0.25"
    assert [row["ts_ms"] for row in cells(spec.place.events) if row["kind"] == "split"] == [str(bars.ts_ms[AT])]


def test_two_splits_that_come_late_for_one_bar_are_told_once_each(home: Path) -> None:
    spec = krx_spec("late")
    for upto in range(FIRST, FIRST + 3):
        a_day(a_loop(spec), DAYS, upto)
    day = date_of(DAYS, FIRST)
    told(home, f"005930,{day},base,0.93,one", f"005930,{day},split,21:20,two")
    for upto in range(FIRST + 3, FIRST + 6):
        a_day(a_loop(spec), DAYS, upto)
    assert len([row for row in cells(spec.place.events) if row["kind"] == "split"]) == 2


def test_the_stores_bars_have_the_splits_that_a_loop_was_told_by_its_own_file(home: Path) -> None:
    spec, bars = replace(krx_spec("own"), actions="mine.csv"), split_at(DAYS, AT, QUARTER)
    (home / "mine.csv").write_text(f"symbol,session,action,ratio,note\n005930,{date_of(DAYS, AT)},split,4:1,\n")
    told(home, f"005930,{date_of(DAYS, AT - 1)},base,{QUARTER},a day too early")
    loop = a_loop(spec)
    for upto in range(FIRST, END + 1):
        a_day(loop, bars, upto)
    BarStore(home / "data/raw").write(
        spec.key, bars.slice(0, END), provider="test", fetched_at_ms=0, adjusted="raw", last_final=True
    )
    stored = run_window.stored(spec.place)
    assert stored.factors[AT] == QUARTER and (stored.factors != 1.0).sum() == 1
    made = judged("own", stored=stored)
    assert made.passed and not made.compared.explained, "\n".join(verdict.as_lines(made))


def test_a_split_that_a_person_writes_anew_on_its_right_day_counts_once(home: Path) -> None:
    spec, bars = replace(krx_spec("anew"), actions="mine.csv"), split_at(DAYS, AT, QUARTER)
    (home / "mine.csv").write_text("symbol,session,action,ratio,note\n")
    told(home, f"005930,{date_of(DAYS, AT - 1)},base,{QUARTER},a day too early")
    for upto in range(AT - 2, AT + 1):
        a_day(a_loop(spec), bars, upto)
    (home / "mine.csv").write_text(f"symbol,session,action,ratio,note\n005930,{date_of(DAYS, AT)},split,4:1,\n")
    for upto in range(AT + 1, AT + 4):
        a_day(a_loop(spec), bars, upto)
    marks = [row["kind"] for row in cells(spec.place.bars) if ":" in row["kind"]]
    assert marks == ["decided:0.25"]
    assert "nothing is rescaled" in [row["detail"] for row in cells(spec.place.events) if row["kind"] == "split"][1]
