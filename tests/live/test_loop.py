"""A loop decides each closed bar once, as the backtest would, from its files alone."""

from __future__ import annotations

import ast
import importlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pyjobs.account.single.engine import Money, run_symbol
from pyjobs.live import kill_switch
from pyjobs.live.config import Limits
from pyjobs.live.feed import Answer
from pyjobs.live.journal import names
from pyjobs.live.spec import market_days
from pyjobs.strategy.lifecycle import REASONS
from pyjobs.strategy.registry import make_setup
from tests.live.support.worlds import PARAMS, STEP_MS, a_loop, a_spec, cells, fed, walk
from tests.support.runbook import RUNBOOK
from utils.errors import BadDataError, ConfigError

SIDE = {1.0: "long", -1.0: "short"}
PRINTED = {"stop": "stop_hit", "stop_gap": "stop_hit"}


def test_live_trades_are_those_of_the_compiled_backtest_bar_for_bar() -> None:
    bars, spec = walk(900), a_spec()
    fed(a_loop(spec), bars, 60, 900)
    rows, trades = cells(spec.place.decisions), cells(spec.place.trades)
    assert [int(row["ts_ms"]) for row in rows] == bars.ts_ms[58:-1].tolist()
    known = bars.slice(58 - 15, 899)  # what the loop has seen: its warm-up and what it decided
    money = Money(cash=10_000.0, fee_bps=10.0)
    setup = make_setup("ma_cross", PARAMS, source="test")
    found = run_symbol("BTC/USD", known, setup, money=money, start_ms=int(rows[0]["ts_ms"]))
    assert 40 < len(trades) == len(found.rows[found.rows[:, 7] != 0])
    for trade, (side, signal, entry, paid, stop, leave, price, reason, held) in zip(
        trades, found.rows.tolist(), strict=False
    ):
        why = REASONS[int(reason)]
        assert trade["side"] == SIDE[side] and trade["reason"] == PRINTED.get(why, why)
        assert [int(trade[k]) for k in ("signal_ts_ms", "entry_ts_ms", "ts_ms", "bars_held")] == [
            signal,
            entry,
            leave,
            held,
        ]
        assert float(trade["entry_price"]) == paid and float(trade["stop"]) == stop
        assert float(trade["exit_price"]) == (stop if why == "stop_gap" else price)  # live fills at the stop
    assert Counter(REASONS[int(r)] for r in found.rows[:, 7].tolist())["stop_gap"] > 2


def test_every_word_in_the_files_is_in_the_table_of_names_and_it_is_in_the_runbook() -> None:
    spec = a_spec()
    fed(a_loop(spec), walk(700), 30, 700)
    rows = cells(spec.place.decisions)
    assert {row["reason"] for row in rows} <= names.REASONS.keys() and {
        row["action"] for row in rows
    } <= names.ACTIONS.keys()
    assert len({row["reason"] for row in rows}) > 7
    for table in (names.REASONS, names.BLOCKED, names.ACTIONS, names.EVENT_KINDS):
        for name, what in table.items():
            assert f"| `{name}` | {what} |" in RUNBOOK


def test_the_money_of_a_trade_is_that_of_a_pencil() -> None:
    spec = a_spec()
    fed(a_loop(spec), walk(400), 60, 400)
    cash = 10_000.0
    for trade in cells(spec.place.trades):
        paid, price = float(trade["entry_price"]), float(trade["exit_price"])
        quantity = cash / (paid * 1.001)
        assert float(trade["quantity"]) == pytest.approx(quantity, rel=1e-12)
        after = quantity * (price * 0.999 if trade["side"] == "long" else 2 * paid - price * 1.001)
        assert float(trade["return"]) == pytest.approx(after / cash - 1, abs=1e-12)
        cash = after
    assert float(cells(spec.place.decisions)[-1]["cash"]) == pytest.approx(cash, rel=1e-12)


def test_a_loop_that_is_opened_anew_at_every_bar_writes_the_same_bytes_but_for_the_clock() -> None:
    bars, one, other = walk(150), a_spec("one"), a_spec("other")
    fed(a_loop(one), bars, 40, 150)
    for upto in range(40, 151):
        a_loop(other).take(Answer(bars=bars.slice(max(0, upto - 60), upto), final=False))
    for name in ("decisions", "bars", "trades"):
        first, second = getattr(one.place, name).read_bytes(), getattr(other.place, name).read_bytes()
        assert first == second
    assert cells(one.place.trades)


def test_the_newest_bar_is_never_decided_and_a_daily_one_only_when_it_is_final() -> None:
    bars, spec = walk(50), a_spec()
    loop = a_loop(spec)
    loop.take(Answer(bars=bars, final=False))
    assert [int(row["ts_ms"]) for row in cells(spec.place.decisions)] == [int(bars.ts_ms[-2])]
    assert loop.take(Answer(bars=bars, final=False)) == (0, 0)
    assert loop.take(Answer(bars=bars, final=True)) == (1, 0)
    rows = cells(spec.place.decisions)
    assert [row["late"] for row in rows] == ["0", "0"]


def test_a_late_bar_takes_its_exits_and_no_entry() -> None:
    bars, spec, twin = walk(400), a_spec("late"), a_spec("twin")
    loop = fed(a_loop(spec), bars, 60, 120)
    loop.take(Answer(bars=bars.slice(60, 360), final=False))
    fed(a_loop(twin), bars, 60, 360)
    rows, plain = cells(spec.place.decisions), cells(twin.place.decisions)
    assert [row["ts_ms"] for row in rows] == [row["ts_ms"] for row in plain]
    late = [row for row in rows if row["late"] == "1"]
    assert len(late) == 239 and {row["blocked_by"] for row in late} == {"late"}
    assert not [row for row in late if row["action"].startswith(("enter", "reverse"))]
    assert rows[-1]["late"] == "0" and rows[-1]["blocked_by"] == ""
    assert [row["late"] for row in rows[:61]] == ["0"] * 61


def test_after_a_failed_fetch_the_missed_bars_say_so() -> None:
    bars, spec = walk(100), a_spec()
    loop = fed(a_loop(spec), bars, 60, 70)
    loop.take(Answer(bars=bars.slice(20, 76), final=False), "fetch_failed")
    rows = cells(spec.place.decisions)[-6:]
    assert [row["blocked_by"] for row in rows] == ["fetch_failed"] * 5 + [""]


def test_a_bar_that_could_not_be_stored_is_decided_and_nothing_entered() -> None:
    bars, spec = walk(300), a_spec()
    loop = a_loop(spec)
    for upto in range(60, 300):
        loop.take(Answer(bars=bars.slice(max(0, upto - 60), upto), final=False, persisted=False))
    rows = cells(spec.place.decisions)
    assert len(rows) == 240 and {row["blocked_by"] for row in rows} == {"persist_failed"}
    assert {row["after"] for row in rows} == {"flat"}


def test_the_kill_switch_lets_nothing_in_and_flatten_takes_all_out_by_a_reason_of_its_own() -> None:
    bars, spec = walk(600), a_spec()
    loop = a_loop(spec)
    upto = 60
    while True:  # until an entry is ordered
        loop.take(Answer(bars=bars.slice(0, upto), final=False))
        upto += 1
        if cells(spec.place.decisions)[-1]["action"].startswith("enter"):
            break
    kill_switch.turn_on("a drill", flatten=False, at="now")
    loop.take(Answer(bars=bars.slice(0, upto), final=False))
    row = cells(spec.place.decisions)[-1]
    assert (row["blocked_by"], row["after"], row["state"]) == ("kill", "flat", "flat")  # also what was ordered before
    assert kill_switch.release() is not None
    while True:
        upto += 1
        loop.take(Answer(bars=bars.slice(0, upto), final=False))
        if cells(spec.place.decisions)[-1]["action"] == "hold":
            break
    kill_switch.turn_on("out", flatten=True, at="now")
    for _ in range(2):
        upto += 1
        a_loop(spec).take(Answer(bars=bars.slice(0, upto), final=False))  # it survives a restart
    ordered, left = cells(spec.place.decisions)[-2:]
    trade = cells(spec.place.trades)[-1]
    if ordered["reason"] == "kill_order":
        assert (left["reason"], left["after"], trade["reason"]) == ("kill", "flat", "kill")
        assert float(trade["exit_price"]) == bars.open[bars.ts_ms.tolist().index(int(left["ts_ms"]))]
    assert left["blocked_by"] == "kill+flatten"


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(notional_per_symbol=9_000.0), "limit_symbol"),
        (Limits(notional=9_000.0), "limit_all"),
        (Limits(open_positions=0), "limit_open"),
        (Limits(day_loss=0.0), "limit_day_loss"),
    ],
)
def test_what_a_person_allows_is_looked_at_before_each_entry(limits: Limits, word: str) -> None:
    bars, spec = walk(150), a_spec()
    fed(a_loop(spec, limits=limits), bars, 60, 150)
    rows = cells(spec.place.decisions)
    refused = [row for row in rows if row["blocked_by"]]
    assert refused and {row["blocked_by"] for row in refused} == {word}
    assert all(row["risk"] == "symbol=9990.01;all=9990.01;open=1;loss=0.00;loops=1" for row in refused)
    assert {row["after"] for row in rows} == {"flat"} and not spec.place.trades.exists()


def test_another_loop_counts_by_its_last_row_and_one_that_cannot_be_read_forbids_every_entry() -> None:
    bars, spec, other = walk(150), a_spec(), a_spec(symbol="ETH/USD")
    loop = a_loop(other)
    upto = 60
    while not spec.place.decisions.exists() and (upto == 60 or cells(other.place.decisions)[-1]["after"] == "flat"):
        loop.take(Answer(bars=bars.slice(0, upto), final=False))
        upto += 1
    fed(a_loop(spec, limits=Limits(open_positions=1)), bars, 60, 150)
    assert "limit_open" in {row["blocked_by"] for row in cells(spec.place.decisions)}
    third = a_spec(symbol="LTC/USD")
    with other.place.decisions.open("ab") as file:
        file.write(b"edited,by,a,hand\n")
    fed(a_loop(third, limits=Limits(open_positions=9)), bars, 60, 150)
    assert {row["blocked_by"] for row in cells(third.place.decisions)} == {"", "limits_unreadable"}


def test_too_few_bars_and_gaps_are_skips_with_their_names() -> None:
    bars, spec = walk(200), a_spec(gap=2)
    holed = bars.slice(0, 120)
    later = bars.slice(125, 200)
    loop = a_loop(spec)
    loop.take(Answer(bars=bars.slice(0, 6), final=False))
    fed(loop, bars, 7, 120)
    for upto in range(1, 60):
        loop.take(Answer(bars=later.slice(0, upto), final=False))
    rows = cells(spec.place.decisions)
    few = [row["action"] for row in rows if row["blocked_by"] == "not_enough_bars"]
    broken = [int(row["ts_ms"]) for row in rows if "cadence_failed" in row["blocked_by"]]
    lookback = spec.lane("test").lookback
    assert len(few) == lookback - 5 and set(few) == {"skip"}
    assert broken == later.ts_ms[: lookback - 1].tolist()
    assert int(holed.ts_ms[-1]) not in broken


def test_a_revision_changes_no_decision_and_is_recorded_once() -> None:
    bars, spec, twin = walk(200), a_spec(), a_spec("twin")
    loop = fed(a_loop(spec), bars, 60, 100)
    close = bars.close.copy()
    close[90] = bars.high[90]
    other = type(bars)(ts_ms=bars.ts_ms, open=bars.open, high=bars.high, low=bars.low, close=close, volume=bars.volume)
    for upto in range(101, 110):
        loop._note_revisions(Answer(bars=other.slice(80, upto), final=False))  # what `step` does with the store's bars
        loop.take(Answer(bars=other.slice(80, upto), final=False))
    fed(a_loop(twin), bars, 60, 109)
    mine, plain = (cells(each.place.decisions) for each in (spec, twin))
    assert [list(row.values())[:17] for row in mine] == [list(row.values())[:17] for row in plain]
    events = [row for row in cells(spec.place.events) if row["kind"] == "revised"]
    assert [int(row["ts_ms"]) for row in events] == [int(bars.ts_ms[90])]


def test_a_decision_that_is_not_newer_fails_fast_when_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENFORCE_DECISION_MONOTONIC", "1")
    bars, spec = walk(100), a_spec()
    loop = fed(a_loop(spec), bars, 60, 70)
    before = spec.place.decisions.read_bytes()
    line = before.decode().splitlines()[-1].rpartition(",")[0]
    with pytest.raises(BadDataError, match="ENFORCE_DECISION_MONOTONIC=1"):
        loop.journal.append([], [line], [])
    assert spec.place.decisions.read_bytes() == before


def test_a_tag_has_one_strategy_and_one_series() -> None:
    bars = walk(100)
    fed(a_loop(a_spec()), bars, 60, 70)
    for other in (a_spec(params={"fast": 4, "slow": 8}), a_spec(cash=5.0), a_spec(exchange="OTHER")):
        with pytest.raises(ConfigError, match="another tag"):
            a_loop(other)


def test_live_imports_its_strategies_kernel_indicators_and_cadence_from_where_the_backtest_has_them() -> None:
    folder = Path(__file__).resolve().parents[2] / "pyjobs/live"
    own = {
        "sma",
        "atr",
        "crossing",
        "at_open",
        "at_close",
        "in_range",
        "before_close",
        "enter",
        "leave",
        "is_broken",
        "signals",
    }
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert node.name not in own, f"{path}: {node.name} is the backtest's to define"
    core = importlib.import_module("pyjobs.live.deciding.core")
    assert core.kernel is importlib.import_module("pyjobs.strategy.kernel")
    assert core.equity_loop is importlib.import_module("pyjobs.account.single.equity_loop")
    assert core.Steady is importlib.import_module("pyjobs.account.single.cadence").Steady
    assert core.KernelInput is importlib.import_module("pyjobs.account.single.engine").KernelInput


def test_midnight_belongs_to_the_day_that_it_ends_and_a_markets_day_is_its_own() -> None:
    midnight = np.array([86_400_000 * 20_000], np.int64)
    assert market_days("24/7", midnight).tolist() == [19_999]
    close = np.array([1_795_176_000_000 - 1_795_176_000_000 % 86_400_000 + 6 * 3_600_000 + 1_800_000], np.int64)
    assert market_days("XKRX", close).tolist() == [close[0] // 86_400_000]  # 15:30 in Seoul is 06:30 UTC
    assert STEP_MS == 300_000
