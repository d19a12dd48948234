"""Desks in two markets and one of coins on one clone, a week long, with a strategy, jobs and desks of a user's own."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.fakemarket.server import FakeMarket
from tests.verbs.support.week import Box, Line, printed, starts
from utils import trading_day

FIRST, DAYS, ZONE = dt.date(2026, 11, 23), 7, "Europe/Berlin"  # Thanksgiving is the 26th, the 27th a half day
MARKETS = {"kr": "XKRX", "us": "XNYS", "coins": "24/7"}
ASKED = {
    "kr": ("--exchange", "YAHOO_KR", "--symbols", "005930.KS,000660.KS", "--years", "1"),
    "us": ("--exchange", "YAHOO", "--symbols", "AAPL,MSFT,QQQ", "--years", "1"),
    "coins": ("--exchange", "BITFINEX", "--symbols", "BTCUSD,ETHUSD", "--timeframe", "1h", "--years", "0.1"),
}
TREND = """import pandas as pd
from pyjobs import frames


def signals(df, window=30, margin=0.0):
    mean = df.close.rolling(window).mean()
    return pd.DataFrame({"entry": df.close > mean * (1 + margin), "exit": df.close < mean})


ENTRY = frames.strategy(signals, lookback=lambda window: window)
"""


@pytest.mark.torture
def test_three_desks_live_a_week_on_one_clone(
    fakemarket: FakeMarket, client_env: dict[str, str], tmp_path: Path
) -> None:
    box = Box.cloned(tmp_path, ZONE, fakemarket, client_env)
    lines = settled(box)
    for now_s, line in starts(lines, dt.datetime.combine(FIRST, dt.time(), ZoneInfo(ZONE)), DAYS, ZONE, 3, 3):
        box.start(now_s, line)
    assert [(one.line.command, one.code, one.mail) for one in box.started if one.code or one.mail] == []
    each_has_its_nights(box)
    each_has_its_reports(box)
    each_is_told_of_by_its_name(box)
    an_update_would_meet_nothing(box)


def settled(box: Box) -> list[Line]:
    """The desks by new_desk, the own strategy on each of them, and every crontab line that was printed, once."""
    (box.clone / "strategies").mkdir(exist_ok=True)
    (box.clone / "strategies/own_trend.py").write_text(TREND)
    eve_s = int(dt.datetime.combine(FIRST, dt.time(), ZoneInfo(ZONE)).timestamp()) - 3600
    lines = dict[tuple[str, str], Line]()
    for name, asked in ASKED.items():
        told = box.verb(eve_s, "new_desk", *asked, "--name", name, "--zone", ZONE)
        lines |= {(line.times, line.command): line for line in printed(told)}
        desk = box.clone / f"config/desks/{name}.yaml"
        desk.write_text(desk.read_text().replace("setups:\n", "setups:\n  own_trend: {margin: 0.005}\n"))
    box.lose_little_to_outages()
    return list(lines.values())


def dates(name: str) -> list[dt.date]:
    """The week's sessions of a desk's market."""
    calendar = trading_day.load(MARKETS[name])
    days = [FIRST + dt.timedelta(days=number) for number in range(DAYS)]
    return [day for day in days if calendar.session(day)]


def each_has_its_nights(box: Box) -> None:
    odd = {one["outcome"] for one in box.history()} - {"ok", "skip:not-a-session", "skip:outside-hours"}
    assert not odd
    runs: dict[str, set[str]] = {}
    for manifest in (box.clone / "data/server_runs").glob("*/manifest.json"):
        found = json.loads(manifest.read_text())
        assert found["status"] == "ok", found
        runs.setdefault(found["desk"], set()).add(found["session"])
    for name in MARKETS:
        whole = {str(day) for day in dates(name)}
        assert len(whole - runs[name]) <= 1, (name, whole, runs[name])  # Sunday's is Monday's job


def each_has_its_reports(box: Box) -> None:
    index = (box.clone / "reports/index.html").read_text()
    for name in MARKETS:
        latest = (box.clone / "reports" / name / "latest").resolve()
        manifest = json.loads((latest / "manifest.json").read_text())
        assert manifest["desk"] == name
        assert latest.name in index
        assert list((box.clone / "reports" / name).glob("watchlist_*.md"))
        assert (box.clone / f"data/queue/{name}.sqlite").exists()
        assert "own_trend" in (latest / "backtests/setups.json").read_text()
    for name in ("kr", "us"):
        sessions = {path.stem.partition("_")[2] for path in (box.clone / "reports" / name).glob("eod_*.md")}
        assert sessions == {str(day) for day in dates(name)}, (name, sessions)
    assert not list((box.clone / "reports").glob("*.md"))  # nothing of a desk without a name


def each_is_told_of_by_its_name(box: Box) -> None:
    end_s = box.started[-1].at_s
    said = box.verb(end_s, "why")
    for name in MARKETS:
        assert re.search(rf"^nightly@{name} 2026-11-2\d: ran: ended well", said, re.M), said
        dated = {path.name.rpartition("_")[2] for path in (box.clone / "logs").glob(f"nightly@{name}_*.log")}
        kept = {path.name.rpartition("_")[2] for path in (box.clone / "logs").glob(f"make_manifest@{name}_*.log")}
        assert dated == kept and len(dated) >= len(dates(name)) - 1, (dated, kept)
    health = box.verb(end_s, "healthcheck")
    assert "health: OK" in health, health
    assert all(f"nightly@{name}" in health for name in MARKETS)
    only = box.verb(end_s, "healthcheck", "--desk", "us")
    assert "nightly@us" in only and "nightly@kr" not in only and "BTCUSD" not in only


def an_update_would_meet_nothing(box: Box) -> None:
    git = ["git", "-C", str(box.clone), "status", "--porcelain"]
    assert subprocess.run(git, capture_output=True, text=True, check=True).stdout == ""
    tests = ["tests/test_docs.py", "tests/verbs/test_several_desks.py", "tests/strategy/test_setups.py"]
    done = subprocess.run(
        [box.clone / ".venv/bin/python", "-m", "pytest", "-q", "-x", "-m", "not torture", *tests],
        cwd=box.clone, env=dict(os.environ), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "tests run in a copy of the clone, without config/desks" in done.stdout
