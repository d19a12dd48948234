"""A loop that is killed anywhere, and started again, writes what it would have: no bar twice, none left out."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from pyjobs.live.config import Limits
from pyjobs.live.equal import run_window, verdict
from pyjobs.live.journal import names
from pyjobs.live.spec import Spec
from pyjobs.live.step import Setting, step
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from tests.live.support.killing import (
    FULL,
    Exchange,
    Rough,
    begun,
    child,
    deterministic,
    ended,
    feed,
    feed_both,
    forked,
)
from tests.live.support.worlds import PARAMS, a_spec, cells, walk
from utils import paths, trading_day
from utils.errors import LockBusyError
from utils.files import os_files

WHENS = ("before", "half", "after")


def files(spec: Spec) -> tuple[list[str], list[str], list[str]]:
    """What must be the same whatever the kills."""
    place = spec.place
    return (
        deterministic(place.decisions, names.DECISIONS.index("risk") + 1),
        deterministic(place.bars, len(names.BARS) - 1),
        deterministic(place.trades, len(names.TRADES) - 2),
    )


def proven(spec: Spec) -> verdict.Verdict:
    """Both statements: the fold over the records gives the bytes; a plain backtest differs only where they say why."""
    run_window.run(
        spec.tag,
        "proof",
        symbol="",
        timeframe="",
        start_ms=None,
        end_ms=None,
        from_store=False,
        at="2026-01-01T00:00:00Z",
    )
    made = verdict.judge(*run_window.places(spec.tag, f"{spec.tag}_bt_proof", "", ""))
    assert made.passed, "\n".join(verdict.as_lines(made))
    times = [int(row["ts_ms"]) for row in cells(spec.place.decisions)]
    assert times == sorted(set(times)) == [int(r["ts_ms"]) for r in cells(spec.place.bars) if r["kind"] == "decided"]
    return made


def days_of_krx(n: int, seed: int) -> Bars:
    """Made-up days of Seoul's market, holidays left out."""
    bars = walk(n, seed)
    closes = [s.close_utc_s * 1000 for s in trading_day.load("XKRX").sessions() if s.date.year >= 2021][:n]
    return Bars(
        ts_ms=np.array(closes, np.int64),
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
    )


def krx_spec(tag: str) -> Spec:
    return a_spec(tag, market="XKRX", timeframe="1d", symbol="005930", params={**PARAMS, "max_bars": 9})


def killed_through(
    spec: Spec, exchange: Exchange, rng: random.Random, kills: int, *, most: int, sync_every: int
) -> int:
    """Kill it `kills` times at calls drawn from [1, most], fill its disk now and then, let it end; kills that hit."""
    hit = 0
    while hit < kills:
        full = rng.randint(1, most) if rng.random() < 0.1 else 0
        rough = Rough(kill_at=rng.randint(1, most), when=rng.choice(WHENS), full_at=full, jumps=rng.randint(1, 10**6))
        how = child(spec, exchange, rough, sync_every=sync_every)
        if how == 0:
            break
        assert how in (-signal.SIGKILL, FULL)
        hit += how == -signal.SIGKILL
    feed(spec, exchange)
    return hit


@pytest.mark.parametrize("market", ["round the clock", "KRX"])
def test_killed_at_any_call_it_becomes_what_it_would_have_been(market: str) -> None:
    if market == "KRX":
        exchange, calm, rough = (
            Exchange(bars=days_of_krx(200, 3), seed=3, final=True),
            krx_spec("calm"),
            krx_spec("rough"),
        )
    else:
        exchange, calm, rough = Exchange(bars=walk(200, 2), seed=2), a_spec("calm"), a_spec("rough")
    feed(calm, exchange)
    hit = killed_through(rough, exchange, random.Random(1), 7, most=40, sync_every=3)
    assert hit == 7
    assert files(rough) == files(calm)
    made = proven(rough)
    assert made.compared.live_trades > 3
    assert {row["late"] for row in cells(rough.place.decisions)} == {"0", "1"}
    kinds = {row["kind"] for row in cells(rough.place.events)}
    assert {"repaired", "revised", "old_bar"} <= kinds, kinds


def test_each_write_sync_and_cut_of_a_block_is_a_good_moment_to_die() -> None:
    exchange = Exchange(bars=walk(76, 5), seed=5)
    calm = a_spec("calm")
    feed(calm, exchange)
    wanted = files(calm)
    for at in range(1, 26, 3):
        spec = a_spec(f"at{at}")
        assert child(spec, exchange, Rough(kill_at=at + 8, when=WHENS[at // 3 % 3])) == -signal.SIGKILL
        feed(spec, exchange)
        assert files(spec) == wanted, at


def test_two_steps_on_one_loop_at_once_are_one(home: Path) -> None:
    spec = a_spec()
    store = BarStore(paths.data_dir() / "raw")
    key = SeriesKey(exchange="MADEUP", symbol="BTC/USD", timeframe="5m")
    store.write(key, walk(80), provider="test", fetched_at_ms=0, adjusted="raw", last_final=True)
    setting = Setting(now_ms=lambda: 2 * 10**12, fetched=False)
    assert step(spec, setting).rows == 1
    with os_files.locked(home / ".locks" / f"live-{spec.place.name}.lock", 0.0), pytest.raises(LockBusyError):
        step(spec, setting)
    assert step(spec, setting).rows == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_ends_the_step_and_changes_nothing() -> None:
    exchange, spec = Exchange(bars=walk(100), seed=1), a_spec()
    feed(spec, exchange)
    spec.place.folder.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            feed(a_spec(), Exchange(bars=walk(120), seed=1))
    finally:
        spec.place.folder.chmod(0o700)


def both_through(bars: int, days: int, kills: int, *, most: int) -> None:
    """Two markets at once, killed at any call; each journal follows from its own records, whatever the other did."""
    fast, slow = a_spec("fast"), krx_spec("slow")
    pairs = (
        (fast, Exchange(bars=walk(bars, 7), seed=7)),
        (slow, Exchange(bars=days_of_krx(days, 8), seed=8, final=True)),
    )
    limits, rng, hit = Limits(open_positions=1, day_loss=400.0), random.Random(5), 0
    while hit < kills:
        rough = Rough(kill_at=rng.randint(1, most), when=rng.choice(WHENS))
        how = forked(lambda rough=rough: feed_both(pairs, limits, rough=rough), rough)  # type: ignore[misc]
        hit += how == -signal.SIGKILL
        if how == 0:
            break
    feed_both(pairs, limits)
    assert hit == kills
    for spec, exchange in pairs:
        made, rows = proven(spec), cells(spec.place.decisions)
        told = exchange.answer(exchange.ends[-1]).bars.ts_ms
        assert rows[-1]["ts_ms"] == str(told[-1 if exchange.final else -2])
        assert made.compared.live_trades and "limit_open" in {row["blocked_by"] for row in rows}


def test_two_markets_at_once_count_in_each_others_limits_whatever_the_kills() -> None:
    both_through(130, 130, 5, most=60)


@pytest.mark.torture
def test_two_markets_at_once_through_two_hundred_kills() -> None:
    both_through(20_000, 1300, 200, most=400)


@pytest.mark.torture
def test_days_of_a_market_with_holidays_through_a_hundred_kills() -> None:
    exchange, calm, rough = Exchange(bars=days_of_krx(1300, 3), seed=3, final=True), krx_spec("calm"), krx_spec("rough")
    feed(calm, exchange)
    assert killed_through(rough, exchange, random.Random(3), 100, most=60, sync_every=3) == 100
    assert files(rough) == files(calm)
    assert proven(rough).compared.rows > 1000


@pytest.mark.torture
@pytest.mark.parametrize("seed", [11])
def test_three_years_of_five_minutes_through_five_hundred_kills(seed: int) -> None:
    """At once, and whole: a start that has to begin again begins where the files say."""
    years(315_360, 520, seed)


def years(bars: int, kills: int, seed: int, homes_every: int = 5000) -> None:
    """So many bars through so many kills; every start after a kill is ready within a second of the processor.

    A sixth of it: `python -c "from tests.live.test_kills import years; years(52_560, 87, 11)"`, with NIGHTDESK_HOME
    an empty folder.
    """
    exchange, calm, rough = (
        Exchange(bars=walk(bars, seed, home_every=homes_every), seed=seed), a_spec("calm"), a_spec("rough"),
    )  # fmt: skip
    beside = begun(lambda: feed(calm, exchange, sync_every=500), Rough())
    rng, hit = random.Random(seed), 0
    while hit < kills:
        where = Rough(jumps=rng.randint(1, 10**6), full_at=rng.randint(1, 4000) if rng.random() < 0.05 else 0)
        if rng.random() < 0.5:
            where.kill_at, where.when = rng.randint(1, 1800), rng.choice(WHENS)
            how = child(rough, exchange, where, sync_every=50)
        else:
            how = child(rough, exchange, where, sync_every=50, kill_after_s=rng.uniform(0.05, 0.5))
        if how == 0:
            break
        hit += how == -signal.SIGKILL
    began = time.process_time()
    ready = feed(rough, exchange, sync_every=500)
    assert ended(*beside) == 0
    assert hit >= kills - 20 and ready <= 1.0, (hit, ready, time.process_time() - began)
    assert files(rough) == files(calm)
    made = proven(rough)
    assert made.compared.rows > bars - bars // 20
