"""The validator finds every seeded defect, at its bar and by its cause, and raises nothing on clean runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyjobs.live import kill_switch
from pyjobs.live.deciding import core, one_bar
from pyjobs.live.equal import run_window, verdict
from pyjobs.live.feed import Answer
from pyjobs.live.journal import names
from pyjobs.live.spec import Spec
from pyjobs.market.bars import Bars
from pyjobs.strategy import kernel
from pyjobs.strategy.library import ma_cross
from tests.live.support.defects import Defect, all_in_logs, apply, rows_of
from tests.live.support.worlds import a_loop, a_spec, fed, shut, walk

BARS = walk(260, seed=9)
DEFECTS = all_in_logs()


def lived(spec: Spec, *, code: str = "") -> Spec:
    """A life: plain bars, some that came late, a drill of the kill switch, plain bars."""
    loop = a_loop(spec)
    loop.code = code or loop.code
    fed(loop, BARS, 60, 140)
    loop.take(Answer(bars=BARS.slice(60, 165), final=False))
    fed(loop, BARS, 166, 190)
    kill_switch.turn_on("drill", flatten=False, at="now")
    fed(loop, BARS, 191, 205)
    kill_switch.release()
    fed(loop, BARS, 206, 260)
    return spec


def judged(tag: str) -> verdict.Verdict:
    return verdict.judge(*run_window.places(tag, f"{tag}_bt_r", "", ""))


def backtested(tag: str, *, at: str = "2026-01-01T00:00:00Z") -> None:
    words: dict[str, Any] = {"symbol": "", "timeframe": "", "start_ms": None, "end_ms": None, "from_store": False}
    run_window.run(tag, "r", **words, at=at)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean life and its backtest, made once; the folder of data/processed."""
    folder = tmp_path_factory.mktemp("life")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTDESK_HOME", str(folder))
        lived(a_spec("clean"))
        backtested("clean")
        assert judged("clean").passed
    return folder / "data/processed"


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_in_either_log_is_found_at_its_bar_and_by_its_cause(defect: Defect, life: Path, home: Path) -> None:
    shutil.copytree(life, home / "data/processed")
    live, other = run_window.places("clean", "clean_bt_r", "", "")
    ts_ms = apply(defect, live, other)
    made = judged("clean")
    assert not made.passed and made.first is not None
    assert made.first.ts_ms == ts_ms, (made.first, made.cause)
    assert not defect.cause or made.cause == defect.cause, (made.first, made.cause)


def a_tick_off(real: Callable[..., float]) -> Callable[..., float]:
    def first_stop(s: Any, r: Any, side: float, price: float) -> float:
        return real(s, r, side, price) + 0.1

    return first_stop


def one_bar_more(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda values, n: real(values, n + 1)


def rounded(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda values, n: np.round(real(values, n), -2)


def never(real: Callable[..., Any]) -> Callable[..., Any]:
    assert callable(real)
    return lambda *_: kernel.STILL_OPEN


def at_the_close(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda s, r, ts, price: real(s, r, ts, price + 1.0)


def keeps_its_order(real: Callable[..., Any]) -> Callable[..., Any]:
    assert callable(real)
    return lambda _: None


def counts_twice(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(s: Any, *rest: Any) -> Any:
        s[kernel.HELD] += s[kernel.SIDE] != 0.0
        return real(s, *rest)

    return call


def other_side(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda signals: tuple(-each if k == 0 else each for k, each in enumerate(real(signals)))


IN_CODE: tuple[tuple[str, object, str, Callable[..., Any]], ...] = (
    ("a stop off by a tick", kernel, "first_stop", a_tick_off),
    ("a window off by one", ma_cross, "sma", one_bar_more),
    ("another rounding", ma_cross, "sma", rounded),
    ("stops that are not looked at in the range", kernel, "in_range", never),
    ("an entry at another price", kernel, "enter", at_the_close),
    ("an order that is not forgotten", kernel, "forget_order", keeps_its_order),
    ("bars that count twice", one_bar, "at_close", counts_twice),
    ("sides mixed up", core, "sides", other_side),
    ("money that is not paid", core, "net_returns", lambda real: lambda rows, fee: real(rows, fee) + 1e-9),
)


@pytest.mark.parametrize(("name", "module", "function", "defect"), IN_CODE, ids=[each[0] for each in IN_CODE])
def test_a_defect_in_the_code_that_decided_is_found_at_its_first_bar(
    name: str, module: object, function: str, defect: Callable[..., Any], life: Path
) -> None:
    assert name
    spec = a_spec("clean")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, function, defect(getattr(module, function)))
        lived(spec, code="0123456789ab")
    backtested("clean")
    made = judged("clean")
    assert not made.passed and made.first is not None
    clean = life / "decisions/clean/BTC_USD/5m/decisions.csv"
    pairs = zip(rows_of(clean), rows_of(spec.place.decisions), strict=True)
    apart = [int(a[names.TS_MS]) for a, b in pairs if a[: names.DETERMINISTIC] != b[: names.DETERMINISTIC]]
    trades = zip(rows_of(life / "trades/clean/BTC_USD/5m/trades.csv"), rows_of(spec.place.trades), strict=False)
    apart += [int(a[names.TS_MS]) for a, b in trades if a != b]
    assert made.first.ts_ms == apart[0] and made.cause == "code or parameters changed"


PEEK = """
import numpy as np
from dataclasses import dataclass
from pyjobs.strategy.entry import Entry
from pyjobs.strategy.signals import Signals

@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    @property
    def lookback(self):
        return 2
    def signals(self, bars):
        later = np.append(bars.close[1:], bars.close[-1:])
        none = np.full(len(bars), np.nan)
        return Signals(entry=later > bars.close, exit=later < bars.close, stop=none)
    def why(self, bars, t):
        return ""

ENTRY = Entry(make=Peek, ranges={})
"""


def test_a_strategy_that_peeks_is_found_out(home: Path) -> None:
    (home / "strategies").mkdir()
    (home / "strategies/peek.py").write_text(PEEK)
    spec = a_spec("peek", strategy="peek", params={})
    fed(a_loop(spec), BARS, 60, 100)
    backtested("peek")
    made = judged("peek")
    assert not made.passed and made.cause == "strategy looks ahead"
    first = int(np.flatnonzero(BARS.close[59:] > BARS.close[58:-1])[0])  # where it would have entered, had it known
    assert made.first is not None and made.first.ts_ms == int(BARS.ts_ms[58 + first])


def test_a_loop_that_forgot_its_position_is_a_restart() -> None:
    spec = a_spec("clean")
    loop = fed(a_loop(spec), BARS, 60, 70)
    upto = 71
    while loop.stand.s[kernel.SIDE] == 0.0 or loop.stand.s[kernel.EXIT] != 0.0:
        loop.take(Answer(bars=BARS.slice(0, upto), final=False))
        upto += 1
    was = loop.stand
    loop.stand = core.Stand(p=[was.cash, 0.0, was.cash, was.day_equity, *was.p[4:]], ts_ms=was.ts_ms)
    fed(loop, BARS, upto, 120)
    backtested("clean")
    made = judged("clean")
    assert not made.passed and made.cause == "restart"
    assert made.first is not None and made.first.ts_ms == int(BARS.ts_ms[upto - 2])


def test_other_parameters_are_told_at_the_first_row() -> None:
    lived(a_spec("clean"))
    other = a_spec("other", params={"fast": 4, "slow": 8})
    fed(a_loop(other), BARS, 60, 260)
    backtested("other")
    shutil.copytree(other.place.folder.parents[2] / "other_bt_r", other.place.folder.parents[2] / "clean_bt_r")
    made = judged("clean")
    assert made.cause == "code or parameters changed" and made.first is not None
    assert made.first.ts_ms == int(BARS.ts_ms[58])


def clean_run(seed: int) -> verdict.Verdict:
    """A life of its own making, and the validator's verdict."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(90, 160))
    bars: Bars = walk(n, seed)
    params = {
        "fast": int(rng.integers(2, 5)), "slow": int(rng.integers(6, 12)), "side": str(rng.choice(["long", "both"])),
        "stop_atr": float(rng.choice([0.0, 1.0, 2.0])), "trail": float(rng.choice([0.0, 0.01])),
        "target": float(rng.choice([0.0, 0.02])), "max_bars": int(rng.choice([0, 7])), "atr": 5,
    }  # fmt: skip
    spec = a_spec(f"c{seed}", params=params, fee_bps=float(rng.choice([0.0, 10.0])))
    loop, upto = a_loop(spec), 40
    while upto <= n:
        loop.take(Answer(bars=bars.slice(0, upto), final=False))
        upto += 1 if rng.random() < 0.95 else int(rng.integers(2, 9))
        if rng.random() < 0.03:
            loop = a_loop(spec)
    shut()
    backtested(spec.tag)
    return judged(spec.tag)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_raised_on_a_clean_run(seed: int) -> None:
    made = clean_run(seed)
    assert made.passed, "\n".join(verdict.as_lines(made))


@pytest.mark.torture
def test_nothing_is_raised_on_a_thousand_clean_runs() -> None:
    apart = [seed for seed in range(1000, 2000) if not clean_run(seed).passed]
    assert apart == []


def test_there_are_more_than_sixty_defects() -> None:
    assert len(DEFECTS) + len(IN_CODE) + 3 >= 60
