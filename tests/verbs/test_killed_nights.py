"""A whole night with its fetch, SIGKILLed with all its steps at any moment: the next ones have its bars and its news.

News may be printed twice (the night died between its publishing and the note of it), and are never lost.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.fetching import COINS, DAY_S, FRIDAY_S, HOUR_S, SHARES, Home, desk, made_home

ROOT = Path(__file__).resolve().parents[2]
TUESDAY_S, WEDNESDAY_S = FRIDAY_S + 4 * DAY_S, FRIDAY_S + 5 * DAY_S
KILLS, LONGEST_S = 40, 8.0


@pytest.fixture
def home(
    fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Home:
    (tmp_path / "begun").mkdir()
    return made_home(fakemarket, tmp_path / "begun", monkeypatch, capsys, desk(SHARES[:3], COINS[:2]))


def night(root: Path, now_s: int, after_s: float = 0.0) -> None:
    """A whole night, or one that is killed so long after its start, with all that it started."""
    env = {**os.environ, "NIGHTDESK_HOME": str(root), "NIGHTDESK_NOW": str(now_s)}
    command = [sys.executable, "-m", "pyjobs.nightly", "--desk", str(root / "desk.yaml")]
    with (root / "said").open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)
        try:
            code = process.wait(after_s or 300)
            assert code == 0, (root / "said").read_text(encoding="utf-8")
        except subprocess.TimeoutExpired:
            assert after_s
            while session_of(process.pid):
                for number in session_of(process.pid):
                    with suppress(ProcessLookupError):
                        os.kill(number, signal.SIGKILL)
                time.sleep(0.01)
                process.poll()


def session_of(leader: int) -> list[int]:
    """The living processes of its session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
            if fields[3] == str(leader) and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found


def news(root: Path) -> set[str]:
    """What the published nights report of series; a re-based one is a line where the night that did it died."""
    found = set()
    for path in (root / "data/server_runs").glob("2*/reports/fetch.json"):
        for exchange in json.loads(path.read_text(encoding="utf-8"))["exchanges"]:
            found |= {line.partition(": ")[0] for line in exchange["told"] if ": re-based: " not in line}
            found |= {line.partition(": ")[0] + " re-based" for line in exchange["told"] if ": re-based: " in line}
            found |= {f"{each} re-based" for each in exchange["rebased"]}
    return found


@pytest.mark.torture
def test_bars_and_news_are_those_of_nights_that_nobody_disturbed(home: Home, tmp_path: Path) -> None:
    assert home.fetch() == 0
    market = home.fake.market
    market.dividend("AAPL", dt.date(2026, 10, 12), 3.0)  # told weeks late, worked in
    market.revise("BTCUSD", (FRIDAY_S - 23 * HOUR_S - 3 * DAY_S) * 1000, 1.02)  # a day that is stored
    copy: Callable[[str], Path] = lambda name: shutil.copytree(home.root, tmp_path / name)  # noqa: E731
    whole = copy("whole")
    for now_s in (TUESDAY_S, WEDNESDAY_S):
        home.at(now_s)
        night(whole, now_s)
    wanted = news(whole)
    assert any("AAPL" in each for each in wanted) and any("BTCUSD" in each for each in wanted), wanted
    store = BarStore(whole / "data/raw", locks=whole / ".locks")
    dice = random.Random(20261130)
    for number in range(KILLS):
        root = copy(f"{number}")
        home.at(TUESDAY_S)
        night(root, TUESDAY_S, dice.uniform(0.05, LONGEST_S))
        night(root, TUESDAY_S + 600)
        home.at(WEDNESDAY_S)
        night(root, WEDNESDAY_S)
        here = BarStore(root / "data/raw", locks=root / ".locks")
        assert here.series() == store.series()
        for key in store.series():
            assert same_bars(here.read(key), store.read(key)), (number, key)
        assert wanted <= news(root), (number, wanted - news(root), (root / "said").read_text(encoding="utf-8"))
        shutil.rmtree(root)
