"""What a job finds is said once, never less: a job is SIGKILLed before each of its renames, and another one runs."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyjobs.gap_repair import summary
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.ingest import backfill, looks
from pyjobs.market.ingest.news.lines import REBASED, mark_printed
from pyjobs.market.ingest.questions import Got
from pyjobs.market.ingest.repair import Repaired
from pyjobs.market.providers import BarRequest, Fetched
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.market.support.made_up_exchange import MadeUpExchange, picked, scaled, walk

DAY_MS = 86_400_000
DAILY = SeriesKey(exchange="YAHOO", symbol="SPY", timeframe="1d")
BARS = walk(80, first_ms=DAY_MS * 300, timeframe="1d")
MOST_RENAMES = 40


class Late(MadeUpExchange):
    """An exchange whose answers lack a dividend, and have a row that cannot be true."""

    def ask(self, request: BarRequest) -> Fetched:
        found = super().ask(request)
        return replace(found, worked_in=(("1970-12-11", 0.99),), untrue=(DAY_MS * 320,))


def job(home: Path, exchange: MadeUpExchange) -> None:
    """As `ingest --resume` does it: store, print, and note that it was printed."""
    store = BarStore(home / "raw", locks=home / ".locks")
    done = backfill.ingest_resume(
        store, DAILY, exchange.source, lookback_ms=400 * DAY_MS, now_ms=exchange.now_ms, progress=lambda *_: None
    )
    with (home / "printed").open("a", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in done.got.news)
    if done.got.news:
        mark_printed(store, DAILY, done.got.news)


def killed_at(number: int, act: Callable[[], None]) -> bool:
    """Whether `act` ended in a process that is killed before its rename number `number`."""
    pid = os.fork()
    if pid == 0:
        left, rename = [number], os.replace

        def counted(*names: object) -> None:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            rename(*names)  # type: ignore[arg-type]

        os.replace = counted  # type: ignore[assignment]
        Path.replace = lambda self, target: counted(self, target)  # type: ignore[assignment,method-assign,return-value]
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def revised(bars: Bars) -> Bars:
    close = bars.close.copy()
    close[75] *= 1.001
    return replace(bars, close=close, high=np.maximum(bars.high, close))


@pytest.mark.parametrize(
    ("adjusted", "after", "sentence"),
    [
        ("raw", revised, "1 stored bar revised by the provider: that of 1971-01-11"),
        ("adjusted", lambda bars: scaled(bars, 0.5), "re-based"),
    ],
)
def test_a_job_that_is_killed_before_any_rename_has_its_news_said_by_it_or_by_the_next(
    tmp_path: Path, adjusted: str, after: Callable[[Bars], Bars], sentence: str
) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    exchange = MadeUpExchange(bars=picked(BARS, np.arange(78)), now_ms=DAY_MS * 378, adjusted=adjusted)  # type: ignore[arg-type]
    job(begun, exchange)
    exchange.bars, exchange.now_ms = after(BARS), DAY_MS * 381
    whole = tmp_path / "whole"
    shutil.copytree(begun, whole)
    job(whole, exchange)
    wanted = BarStore(whole / "raw", locks=whole / ".locks").read(DAILY)
    for number in range(1, MOST_RENAMES):
        home = tmp_path / f"{number}"
        shutil.copytree(begun, home)
        ended = killed_at(number, lambda home=home: job(home, exchange))  # type: ignore[misc]
        job(home, exchange)
        store = BarStore(home / "raw", locks=home / ".locks")
        assert same_bars(store.read(DAILY), wanted), number
        assert sentence in (home / "printed").read_text(encoding="utf-8"), number
        assert looks.load(store, DAILY).lines == (), number  # type: ignore[union-attr]
        if ended:
            assert number > 3
            break
    else:
        raise AssertionError("it never came to its end")


def test_a_dividend_that_is_lacking_and_a_row_that_cannot_be_true_are_said_once_in_three_runs(tmp_path: Path) -> None:
    exchange = Late(bars=picked(BARS, np.arange(80) != 20), now_ms=DAY_MS * 378, adjusted="adjusted")
    lines = []
    for run in range(3):
        exchange.now_ms = DAY_MS * (378 + run)
        job(tmp_path, exchange)
        lines.append((tmp_path / "printed").read_text(encoding="utf-8").splitlines())
    assert sorted(line[:14] for line in lines[0]) == ["1 row of the p", "announced but "]
    assert lines[0] == lines[1] == lines[2]
    exchange.__class__ = MadeUpExchange  # the provider has mended both
    exchange.now_ms = DAY_MS * 381
    job(tmp_path, exchange)
    known = looks.load(BarStore(tmp_path / "raw", locks=tmp_path / ".locks"), DAILY)
    assert known is not None and (known.worked_in, known.untrue) == ((), ())
    exchange.__class__ = Late
    job(tmp_path, exchange)
    assert len((tmp_path / "printed").read_text(encoding="utf-8").splitlines()) == 4  # it is lacking again


def test_what_another_job_has_noted_meanwhile_stays_when_this_ones_news_were_said(tmp_path: Path) -> None:
    store = BarStore(tmp_path / "raw", locks=tmp_path / ".locks")
    job(tmp_path, MadeUpExchange(bars=picked(BARS, np.arange(78)), now_ms=DAY_MS * 378, adjusted="adjusted"))
    looks.change(store, DAILY, lines=("mine", "another's", REBASED))
    mark_printed(store, DAILY, Got(lines=("mine",), rebased=True).news)
    assert looks.load(store, DAILY).lines == ("another's",)  # type: ignore[union-attr]


def test_gap_repair_says_that_a_series_was_rebased_before_that_counts_as_said() -> None:
    done = Repaired(
        key=DAILY, missing=1, again=0, filled=1, confirmed_empty=0, left=0, got=Got(rebased=True), set_aside=()
    )
    assert summary(done).endswith(f"; {REBASED}")
