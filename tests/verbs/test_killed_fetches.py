"""A desk's fetch, and a whole night with all its steps, SIGKILLed at any moment while a revision and a late dividend
are due: bars and news are all there. News may be printed twice (the night died between its publishing and the note of
it), and are never lost.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.fakemarket.server import FakeMarket
from tests.support.verb_process import Fork, run_verb
from tests.verbs.support.fetching import COINS, DAY_S, FRIDAY_S, HOUR_S, SHARES, Home, desk, made_home

ROOT = Path(__file__).resolve().parents[2]
TUESDAY_S, WEDNESDAY_S = FRIDAY_S + 4 * DAY_S, FRIDAY_S + 5 * DAY_S
KILLS, LONGEST_S = 60, 2.5
NIGHTS, LONGEST_NIGHT_S = 40, 8.0


@pytest.fixture
def home(
    fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Home:
    (tmp_path / "begun").mkdir()
    return made_home(fakemarket, tmp_path / "begun", monkeypatch, capsys, desk(SHARES[:3], COINS[:2]))


def fetched(root: Path, now_s: int) -> str:
    """What a whole fetch says."""
    env = {**os.environ, "NIGHTDESK_HOME": str(root), "NIGHTDESK_NOW": str(now_s)}
    done = run_verb("fetch", "--desk", root / "desk.yaml", env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def killed(root: Path, now_s: int, after_s: float) -> str:
    """What a fetch has said that was killed so long after its start."""
    env = {**os.environ, "NIGHTDESK_HOME": str(root), "NIGHTDESK_NOW": str(now_s)}
    with (root / "said").open("w+b") as out, Path(os.devnull).open("r+b") as nothing:
        fds = [nothing.fileno(), out.fileno(), nothing.fileno()]
        fork = Fork(["fetch", "--desk", str(root / "desk.yaml")], env, ROOT, fds)
        try:
            fork.wait(after_s)
        except TimeoutError:
            fork.kill()
            fork.wait(10)
    return (root / "said").read_text(encoding="utf-8")


def news(said: str) -> set[str]:
    """What it has said of series: what was revised, re-based, worked in."""
    lines = [line for line in said.splitlines() if re.search("revised by|re-based|worked in here", line)]
    return {symbol for line in lines for symbol in re.findall(r"(?:YAHOO|BITFINEX):\w+:1d", line)}


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


def published(root: Path) -> set[str]:
    """What the published nights report of series; a re-based one is a line where the night that did it died."""
    found = set()
    for path in (root / "data/server_runs").glob("2*/reports/fetch.json"):
        for exchange in json.loads(path.read_text(encoding="utf-8"))["exchanges"]:
            found |= {line.partition(": ")[0] for line in exchange["told"] if ": re-based: " not in line}
            found |= {line.partition(": ")[0] + " re-based" for line in exchange["told"] if ": re-based: " in line}
            found |= {f"{each} re-based" for each in exchange["rebased"]}
    return found


def due(home: Home) -> None:
    """A first fetch; from then on a dividend that comes weeks late, and another close of a day that is stored."""
    assert home.fetch() == 0
    home.fake.market.dividend("AAPL", dt.date(2026, 10, 12), 3.0)
    home.fake.market.revise("BTCUSD", (FRIDAY_S - 23 * HOUR_S - 3 * DAY_S) * 1000, 1.02)


def assert_the_same_bars(root: Path, whole: Path, what: object) -> None:
    """That both homes have stored the same."""
    here, there = (BarStore(each / "data/raw", locks=each / ".locks") for each in (root, whole))
    assert here.series() == there.series(), what
    for key in there.series():
        assert same_bars(here.read(key), there.read(key)), (what, key)


@pytest.mark.torture
def test_bars_and_news_are_those_of_a_fetch_that_nobody_disturbed(home: Home, tmp_path: Path) -> None:
    due(home)
    home.at(TUESDAY_S)
    whole = shutil.copytree(home.root, tmp_path / "whole")
    wanted = news(fetched(whole, TUESDAY_S))
    home.at(WEDNESDAY_S)
    wanted |= news(fetched(whole, WEDNESDAY_S))
    assert "YAHOO:AAPL:1d" in wanted
    dice = random.Random(20261129)
    for number in range(KILLS):
        root = shutil.copytree(home.root, tmp_path / f"{number}")
        home.at(TUESDAY_S)
        said = killed(root, TUESDAY_S, dice.uniform(0.02, LONGEST_S)) + fetched(root, TUESDAY_S)
        home.at(WEDNESDAY_S)
        said += fetched(root, WEDNESDAY_S)
        assert_the_same_bars(root, whole, number)
        assert wanted <= news(said), (number, wanted, said)
        shutil.rmtree(root)


@pytest.mark.torture
def test_bars_and_news_are_those_of_nights_that_nobody_disturbed(home: Home, tmp_path: Path) -> None:
    due(home)
    whole = shutil.copytree(home.root, tmp_path / "whole")
    for now_s in (TUESDAY_S, WEDNESDAY_S):
        home.at(now_s)
        night(whole, now_s)
    wanted = published(whole)
    assert {"YAHOO:AAPL:1d re-based", "BITFINEX:BTCUSD:1d"} <= wanted, wanted
    dice = random.Random(20261130)
    for number in range(NIGHTS):
        root = shutil.copytree(home.root, tmp_path / f"{number}")
        home.at(TUESDAY_S)
        night(root, TUESDAY_S, dice.uniform(0.05, LONGEST_NIGHT_S))
        night(root, TUESDAY_S + 600)
        home.at(WEDNESDAY_S)
        night(root, WEDNESDAY_S)
        assert_the_same_bars(root, whole, number)
        assert wanted <= published(root), (number, wanted - published(root), (root / "said").read_text())
        shutil.rmtree(root)
