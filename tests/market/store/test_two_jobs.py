"""Two jobs on one series: what the other does between two steps of ours is done there, in the test, not hoped for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyjobs.market.bars import SeriesKey
from pyjobs.market.cache import column_cache
from pyjobs.market.checks.inspection import inspect
from pyjobs.market.ingest.fetching import fetch_window
from pyjobs.market.ingest.gaps import first_bar, missing_bars, stored_after, stored_before
from pyjobs.market.store import rebase
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.folders import read_when_stable, set_aside
from pyjobs.market.store.merge import same_bars
from pyjobs.runs import provenance
from pyjobs.runs.verdict.series import check_all
from tests.market.support.made_up_exchange import MadeUpExchange, picked, scaled, walk
from utils.errors import BadDataError, LockBusyError

DAILY = SeriesKey(exchange="TEST", symbol="SPY", timeframe="1d")
DAY_MS = 86_400_000
MIDNIGHT_MS = 1_704_067_200_000  # 2024-01-01T00:00Z: the first bar is all of the partition 2023
OLD = walk(500, first_ms=MIDNIGHT_MS, timeframe="1d")  # 2023, 2024 and a part of 2025
NEW = scaled(walk(900, first_ms=MIDNIGHT_MS, timeframe="1d"), 0.5)  # after a split, and into 2026
NOW_MS = int(NEW.ts_ms[-1])


class Watched(BarStore):
    """A store that lets another job take a step right after the files have been listed for the first time."""

    step: Callable[[], object] | None = None

    def paths(self, key: SeriesKey) -> list[str]:
        found = super().paths(key)
        step, self.step = self.step, None
        if step:
            step()
        return found


@pytest.fixture
def store(tmp_path: Path) -> Watched:
    made = Watched(tmp_path / "raw", locks=tmp_path / "locks")
    put(made, OLD)
    return made


def put(store: BarStore, bars: Any, **more: Any) -> list[Path]:
    return store.write(DAILY, bars, provider="t", fetched_at_ms=1, adjusted="adjusted", last_final=True, **more)


def rebased(store: BarStore) -> None:
    """What another job does that has noticed the split."""
    other = BarStore(store.root, locks=store.locks)
    other.rebase(DAILY, NEW, provider="t", fetched_at_ms=2, last_final=True)


def staged(store: BarStore, tmp_path: Path) -> Callable[[], None]:
    """A re-basing whose files are complete next to the old ones and not moved yet; moves them."""
    aside = BarStore(tmp_path / "aside", locks=tmp_path / "aside-locks")
    put(aside, OLD)
    rebased(aside)
    folder = store.folder(DAILY)
    shutil.copytree(aside.folder(DAILY), folder / rebase.STAGED)
    (folder / rebase.STAGED / rebase.COMPLETE).touch()
    return lambda: rebase.finish(folder)


LOOKS: dict[str, tuple[Callable[[BarStore], object], object]] = {
    "newest": (lambda store: store.newest(DAILY), (int(NEW.ts_ms[-1]), True)),
    "provenance": (lambda store: getattr(store.provenance(DAILY), "basis", None), 1),
    "read": (lambda store: store.read(DAILY).close.tolist(), NEW.close.tolist()),
    "confirmed_empty": (lambda store: store.confirmed_empty(DAILY).tolist(), []),
    "first_bar": (lambda store: first_bar(store, DAILY), MIDNIGHT_MS),
    "stored_before": (lambda store: stored_before(store, DAILY, NOW_MS), NOW_MS - DAY_MS),
    "stored_after": (lambda store: stored_after(store, DAILY, 0), MIDNIGHT_MS),
    "missing_bars": (
        lambda store: missing_bars(store, DAILY, "24/7", first_ms=0, last_ms=NOW_MS + DAY_MS).tolist(),
        [NOW_MS + DAY_MS],
    ),
    "inspect": (lambda store: [one.what for one in inspect(store, DAILY, None, now_ms=NOW_MS).flaws], []),
    "files of a run": (lambda store: provenance.data([DAILY], store)["files"], 4),
    "health": (
        lambda store: [each.detail[:19] for each in check_all([(DAILY, "24/7", "any")], store, NOW_MS / 1000)],
        ["last bar 2026-06-17"],
    ),
}


@pytest.mark.parametrize("look", list(LOOKS))
def test_a_look_while_a_rebased_series_is_moved_in_sees_the_new_one(store: Watched, tmp_path: Path, look: str) -> None:
    ask, expected = LOOKS[look]
    store.step = staged(store, tmp_path)
    assert ask(store) == expected
    assert store.step is None and not (store.folder(DAILY) / rebase.STAGED).exists()


def test_new_prices_are_never_read_by_the_list_of_the_old_files(store: Watched) -> None:
    store.step = lambda: rebased(store)
    assert same_bars(store.read(DAILY, start_ms=0), NEW)


def test_two_bases_seen_by_a_check_that_another_job_mends_meanwhile_are_no_flaw(store: Watched, tmp_path: Path) -> None:
    finish = staged(store, tmp_path)
    (folder := store.folder(DAILY)).joinpath(rebase.STAGED, rebase.COMPLETE).unlink()
    shutil.copy(folder / rebase.STAGED / "2024.parquet", folder / "2024.parquet")  # two bases, now

    def other_job() -> None:
        (folder / rebase.STAGED / rebase.COMPLETE).touch()
        finish()

    store.step = other_job
    assert [one.what for one in inspect(store, DAILY, None, now_ms=NOW_MS).flaws] == []


def test_bars_that_were_asked_for_before_another_job_rebased_the_series_are_not_mixed_in(store: Watched) -> None:
    class Late(Watched):
        def write(self, *args: Any, **more: Any) -> list[Path]:
            rebased(store)  # between the last look at the answer and this
            return super().write(*args, **more)

    market = MadeUpExchange(bars=walk(501, first_ms=MIDNIGHT_MS, timeframe="1d"), now_ms=NOW_MS, adjusted="adjusted")
    window = (int(OLD.ts_ms[-1]) + DAY_MS,) * 2
    late = Late(store.root, locks=store.locks)
    with pytest.raises(LockBusyError, match="replaced by another job meanwhile"):
        fetch_window(late, DAILY, market.source, window, now_ms=NOW_MS)
    assert same_bars(store.read(DAILY), NEW)


def test_an_unreadable_file_that_another_job_has_set_aside_is_not_set_aside_again(store: Watched) -> None:
    torn = store.partitions(DAILY)[1]
    torn.write_bytes(b"torn")
    store.step = lambda: set_aside(torn)
    assert store.set_aside_unreadable(DAILY, 0, NOW_MS) == []
    assert [path.name for path in (torn.parent / ".quarantine").iterdir()] == [torn.name]


def test_an_unreadable_file_that_another_job_has_replaced_is_not_set_aside(store: Watched) -> None:
    class Slow(Watched):
        def writing(self, key: SeriesKey) -> Any:
            put(BarStore(self.root, locks=self.locks), OLD)  # sets the torn one aside, and writes a good one
            return super().writing(key)

    torn = store.partitions(DAILY)[1]
    torn.write_bytes(b"torn")
    assert Slow(store.root, locks=store.locks).set_aside_unreadable(DAILY, 0, NOW_MS) == []
    assert same_bars(store.read(DAILY), OLD)
    assert [path.read_bytes() for path in (torn.parent / ".quarantine").iterdir()] == [b"torn"]


def test_the_newest_bar_is_looked_for_where_it_is_now_when_its_file_has_been_set_aside(store: Watched) -> None:
    last = store.partitions(DAILY)[-1]
    store.step = lambda: set_aside(last)
    assert store.newest(DAILY) == (int(OLD.ts_ms[366]), True)  # the close of 2024


def test_a_file_that_stays_listed_and_cannot_be_opened_is_named_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyjobs.market.store.folders.MOVING_S", -1.0)
    with pytest.raises(BadDataError, match=r"^/gone\.parquet: kept changing"):
        read_when_stable(lambda: Path("/gone.parquet").read_bytes())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.usefixtures("home")
def test_cached_columns_are_not_served_for_a_rebased_series_that_is_complete_but_not_moved_in(
    store: Watched, tmp_path: Path
) -> None:
    assert same_bars(store.read(DAILY), OLD)
    finish = staged(store, tmp_path)
    assert same_bars(store.read(DAILY), NEW)
    finish()
    assert same_bars(store.read(DAILY), NEW)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("nth", [0, 2, 3, 5])
def test_a_file_that_goes_while_the_cache_looks_at_it_is_read_without_the_cache(
    store: Watched, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    last, real, calls = store.partitions(DAILY)[-1], column_cache._signature, 0

    def signature(path: str) -> list[str | int]:
        nonlocal calls
        if calls == nth:  # of three before the bars are read, and three after
            set_aside(last)
        calls += 1
        return real(path)

    monkeypatch.setattr(column_cache, "_signature", signature)
    assert same_bars(store.read(DAILY), picked(OLD, np.s_[:367]))
    monkeypatch.undo()
