"""The verbs on a disk that is full, read-only or failing: exit 73, the file and the cure are named, nothing is half.

A real small tmpfs where we are root; a limit on file sizes; and every single write, sync and rename made to fail, one
after the other, by a preloaded library.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyjobs.market.ingest.backfill import read_task
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.failing_disk import BTC, ONE, RANGE, RESUME, half_a_day, told, wide_home

"""All in one request: then every partition is written once, and is old or new and nothing else."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a tmpfs with the options given, or changes those of the one that is there; the folder it is in."""
    folder, mounted = tmp_path / "desk/data", []

    def mount(options: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        again = "remount," if mounted else ""
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"{again}{options}", "tmpfs", folder], capture_output=True)
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()[:80]}")
        mounted.append(options)
        return folder.parent

    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    yield mount
    if mounted:
        subprocess.run(["umount", folder], check=True)


def calm_tree(fake: FakeMarket, folder: Path, argv: list[str]) -> dict[str, bytes]:
    calm = wide_home(fake, folder)
    assert calm.run(argv).code == 0
    return calm.tree()


@pytest.mark.parametrize("limit", ["size=72k", pytest.param("size=1m,nr_inodes=9", marks=pytest.mark.torture)])
def test_a_full_disk_is_said_and_the_run_after_it_is_emptied_finishes(
    fakemarket: FakeMarket, tmp_path: Path, small_disk: Callable[[str], Path], limit: str
) -> None:
    start = ["ingest", *ONE, "--start", "2026-11-15"]
    calm = calm_tree(fakemarket, tmp_path / "calm", start)
    home = wide_home(fakemarket, small_disk(limit))
    told(home.run(start), errno.ENOSPC)
    stored = home.tree()
    assert stored and all(content == calm[name] for name, content in stored.items() if name.endswith(".parquet"))
    told(home.run(RESUME if len(stored) > 1 else start), errno.ENOSPC)
    small_disk("size=4m,nr_inodes=1000")
    assert home.run(RESUME if read_task(home.store.folder(BTC)) else start).code == 0
    assert home.tree() == calm and not home.leftovers()


def test_a_read_only_disk_is_said_and_nothing_on_it_changes(
    fakemarket: FakeMarket, tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    calm = calm_tree(fakemarket, tmp_path / "calm", RANGE)
    home = wide_home(fakemarket, small_disk("size=4m"))
    half_a_day(home)
    before = home.tree()
    small_disk("ro")
    for argv in (RANGE, RESUME, ["ingest", "--symbol", "ETHUSD", "--timeframe", "1m", "--resume"]):
        assert "/data/" in told(home.run(argv), errno.EROFS)
    assert home.tree() == before
    small_disk("rw,size=4m")
    assert home.run(RANGE).code == 0
    assert home.tree() == calm


def test_a_limit_on_file_sizes_is_said_and_lifted_it_is_forgotten(fakemarket: FakeMarket, tmp_path: Path) -> None:
    calm = calm_tree(fakemarket, tmp_path / "calm", RANGE)
    home = wide_home(fakemarket, tmp_path / "desk")
    half_a_day(home)
    before = home.tree()
    home.file_limit = 12_000
    assert told(home.run(RANGE), errno.EFBIG).endswith(".parquet")
    now = home.tree()
    assert all(now[name] in (old, calm[name]) for name, old in before.items())
    assert not home.leftovers()
    home.file_limit = None
    assert home.run(RESUME).code == 0
    assert home.tree() == calm
