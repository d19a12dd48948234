"""The shipped schedule lived through: what each job did each day, what cron would mail, and every bar at the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.store.bar_store import BarStore
from tests.fakemarket.server import FakeMarket
from tests.fakemarket.universe import INSTRUMENTS
from tests.verbs.support.week import Box, Line, printed, shipped, starts
from utils import trading_day

HOUR_S, DAY_S = 3_600, 86_400
US = ["--exchange", "YAHOO", "--symbols"]
TEN = "AAPL,MSFT,QQQ,EWY,DIA,IWM,VTI,GLD,TLT,SPY"
EVERY_SESSION = ("nightly", "report_eod", "precache_benchmarks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One way to live a week. Days are the market's; each trouble has its own, and the first day has none."""

    market: str
    zone: str
    first: dt.date
    asked: tuple[str, ...]
    by_example: bool
    outage: dt.date | None = None
    killed: dt.date | None = None
    banned: dt.date | None = None
    days: int = 7


WEEKS = {
    1: Week(  # Thanksgiving, and the half day after it
        market="XNYS", zone="Europe/Berlin", first=dt.date(2026, 11, 23), by_example=False,
        asked=(*US, TEN), outage=dt.date(2026, 11, 24), killed=dt.date(2026, 11, 25), banned=dt.date(2026, 11, 27),
    ),
    2: Week(  # the year ends on a holiday, and begins with one and a late open
        market="XKRX", zone="Asia/Seoul", first=dt.date(2026, 12, 28), by_example=True, days=8,
        asked=("--exchange", "YAHOO_KR", "--symbols", "005930.KS,000660.KS,069500.KS,229200.KS"),
        outage=dt.date(2026, 12, 29), killed=dt.date(2026, 12, 30), banned=dt.date(2027, 1, 4),
    ),
    3: Week(  # two holidays, a box whose summer time the market has not
        market="XKRX", zone="America/New_York", first=dt.date(2026, 10, 6), by_example=False,
        asked=("--exchange", "KRX", "--symbols", "005930,000660", "--years", "2"),
        outage=dt.date(2026, 10, 7), killed=dt.date(2026, 10, 8), banned=dt.date(2026, 10, 12),
    ),
}  # fmt: skip


@pytest.mark.torture
@pytest.mark.parametrize("seed", sorted(WEEKS))
def test_a_week_of_the_schedule(seed: int, fakemarket: FakeMarket, client_env: dict[str, str], tmp_path: Path) -> None:
    week = WEEKS[seed]
    box, lines = made(week, fakemarket, client_env, tmp_path)
    live(box, week, lines, seed)
    told = jobs_by_day(box)
    sessions = {s.date for s in trading_day.load(week.market).sessions()}
    for day in days_of(week):
        good = day not in (week.killed, week.banned)
        if day in sessions and good:
            assert {told.get((job, day)) for job in EVERY_SESSION} == {"ok"}, (day, told)
        if day not in sessions and day.weekday() < 5:
            assert told.get(("report_eod", day)) == "skip:not-a-session", (day, told)
            assert told.get(("scanner", day)) == "skip:not-a-session", (day, told)
        assert told.get(("report_watchlist", day)) == "ok", (day, told)
    assert week.banned and told[("nightly", week.banned)].startswith("skip:"), told
    assert week.killed and ("nightly", week.killed) not in told, told
    nothing_mailed(box, week)
    health_is_true(box, week)
    every_bar_is_there_once(box, week)


def test_a_day_of_the_schedule(fakemarket: FakeMarket, client_env: dict[str, str], tmp_path: Path) -> None:
    asked = (*US, "AAPL,MSFT,QQQ", "--years", "1")
    week = Week(market="XNYS", zone="UTC", first=dt.date(2026, 11, 27), by_example=False, days=1, asked=asked)
    box, lines = made(week, fakemarket, client_env, tmp_path)
    live(box, week, lines, 5, often=2)
    told = jobs_by_day(box)
    assert [told.get((job, week.first)) for job in (*EVERY_SESSION, "report_watchlist")] == ["ok"] * 4
    assert [one.mail for one in box.started if one.mail] == []
    every_bar_is_there_once(box, week)


def made(week: Week, fake: FakeMarket, env: dict[str, str], folder: Path) -> tuple[Box, list[Line]]:
    """A clone with a desk, set up the evening before."""
    box = Box.cloned(folder, week.zone, fake, env)
    eve_s = int(dt.datetime.combine(week.first, dt.time(), dt.UTC).timestamp()) - 6 * HOUR_S
    told = box.verb(eve_s, "new_desk", *week.asked, "--zone", week.zone)
    box.lose_little_to_outages()
    return box, shipped(box, box.clone / "config/desk.yaml") if week.by_example else printed(told)


def live(box: Box, week: Week, lines: Sequence[Line], seed: int, often: int = 4) -> None:
    """Start what is due, second by second, with the week's troubles."""
    calendar = trading_day.load(week.market)
    outage, banned = (calendar.session(day) if day else None for day in (week.outage, week.banned))
    killed = False
    begin = dt.datetime.combine(week.first, dt.time(), ZoneInfo(calendar.zone))
    for now_s, line in starts(lines, begin, week.days, week.zone, seed, often):
        box.fake.script.clear()
        if outage and outage.open_utc_s + HOUR_S <= now_s < outage.open_utc_s + 2 * HOUR_S:
            box.fake.fault("*", "503")
        if banned and banned.close_utc_s <= now_s < banned.close_utc_s + 9 * HOUR_S:
            box.fake.fault("*", "429")
        if line.job == "run_nightly" and not killed and calendar.local_date(now_s) == week.killed:
            killed = True
            box.start_and_kill(now_s, line)
        else:
            box.start(now_s, line)


def days_of(week: Week) -> list[dt.date]:
    return [week.first + dt.timedelta(days=number) for number in range(week.days)]


def jobs_by_day(box: Box) -> dict[tuple[str, dt.date], str]:
    """The last outcome of each job on each of the market's days; of the scanner the last one that was at work."""
    told: dict[tuple[str, dt.date], str] = {}
    for record in box.history():
        key = record["job"], dt.date.fromisoformat(record["session"])
        if record["outcome"] != "skip:outside-hours" or key not in told:
            told[key] = record["outcome"]
    return told


def nothing_mailed(box: Box, week: Week) -> None:
    """A job that ended well or was properly skipped prints nothing; health prints when it is not green."""
    calendar = trading_day.load(week.market)
    for one in box.started:
        day = calendar.local_date(one.at_s)
        if one.line.job != "run_healthcheck" and day not in (week.killed, week.banned):
            assert (one.code, one.mail) == (0, ""), (day, one)


def health_is_true(box: Box, week: Week) -> None:
    """Green before the first trouble, and not green within a session of a night that never ended or had no bars."""
    assert week.outage and week.killed and week.banned
    assert box.health(week.first) == "OK", (box.clone / f"logs/healthcheck_{week.first}.log").read_text()
    assert box.health(week.outage) == "OK"  # an hour without quotes, made good by the evening
    for day in (week.killed, week.banned):
        assert {box.health(day), box.health(day + dt.timedelta(days=1))} & {"WARN", "FAIL"}, day


def every_bar_is_there_once(box: Box, week: Week) -> None:
    """The stored closes of the week are those of the market, one for each session that a night has had time for."""
    calendar = trading_day.load(week.market)
    last = week.first + dt.timedelta(days=week.days - 1)
    wanted = [s for s in calendar.sessions() if week.first <= s.date <= last and s.date != week.banned]
    store = BarStore(box.clone / "data/raw")
    for one in load_desk(box.clone / "config/desk.yaml").instruments:
        if one.role == "benchmark":
            continue
        bars = store.read(one.key, start_ms=wanted[0].open_utc_s * 1000)
        known = next(each for each in INSTRUMENTS if one.symbol in (each.yahoo, each.krx_stock))
        days = box.fake.market.daily(known, wanted[0].date, wanted[-1].date)
        stored = dict(zip(bars.ts_ms.tolist(), bars.close.tolist(), strict=True))
        truth = dict(zip((box.fake.market.dates_ms(known, days)).tolist(), days.ohlc[:, 3].tolist(), strict=True))
        assert len(stored) == len(bars)
        for session in wanted:
            midnight_ms = int(dt.datetime.combine(session.date, dt.time(), dt.UTC).timestamp()) * 1000
            assert stored[session.close_utc_s * 1000] == pytest.approx(truth[midnight_ms], rel=1e-9), (one, session)
        assert np.all(np.diff(bars.ts_ms) > 0)
