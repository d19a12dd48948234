"""A desk's fetch, SIGKILLed at any moment while a revision and a late dividend are due: bars and news are all there."""

from __future__ import annotations

import datetime as dt
import os
import random
import re
import shutil
from collections.abc import Callable
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


@pytest.mark.torture
def test_bars_and_news_are_those_of_a_fetch_that_nobody_disturbed(home: Home, tmp_path: Path) -> None:
    assert home.fetch() == 0
    market = home.fake.market
    market.dividend("AAPL", dt.date(2026, 10, 12), 3.0)  # told weeks late, worked in
    revised_ms = (FRIDAY_S - 23 * HOUR_S - 3 * DAY_S) * 1000  # a day of BTCUSD that is stored
    market.revise("BTCUSD", revised_ms, 1.02)
    home.at(TUESDAY_S)
    copy: Callable[[str], Path] = lambda name: shutil.copytree(home.root, tmp_path / name)  # noqa: E731
    whole = copy("whole")
    wanted = news(fetched(whole, TUESDAY_S))
    home.at(WEDNESDAY_S)
    wanted |= news(fetched(whole, WEDNESDAY_S))
    assert "YAHOO:AAPL:1d" in wanted
    store = BarStore(whole / "data/raw", locks=whole / ".locks")
    dice = random.Random(20261129)
    for number in range(KILLS):
        root = copy(f"{number}")
        home.at(TUESDAY_S)
        said = killed(root, TUESDAY_S, dice.uniform(0.02, LONGEST_S)) + fetched(root, TUESDAY_S)
        home.at(WEDNESDAY_S)
        said += fetched(root, WEDNESDAY_S)
        here = BarStore(root / "data/raw", locks=root / ".locks")
        assert here.series() == store.series()
        for key in store.series():
            assert same_bars(here.read(key), store.read(key)), (number, key)
        assert wanted <= news(said), (number, wanted, said)
        shutil.rmtree(root)
