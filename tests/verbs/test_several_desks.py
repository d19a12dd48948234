"""Two desks in two markets on one box: neither meets the other's lock, log, history, report, calendar or verdict."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
import yaml

from pyjobs.market import desks
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.store.bar_store import BarStore
from tests.shell.conftest import House, house  # noqa: F401  # the fixture
from utils import paths, trading_day
from utils.errors import ConfigError

FRIDAY_NIGHT_IN_SEOUL = 1_795_182_600  # date -d '2026-11-20 22:50 +0900' +%s; in New York it is 08:50, before the open
FRIDAY_NOON_IN_NEW_YORK = 1_795_194_000  # date -d '2026-11-20 12:00 -0500' +%s; in Seoul it is Saturday, 02:00
DESK = """
name: {name}
label: the desk in {market}
market: {market}   # the night's
dumps: dumps
accounts:
  own: {{currency: {currency}, cash: 1000000, max_positions: 2, max_weight: 0.5}}
setups:
  ma_cross: {{fast: 5, slow: 20}}
instruments:
  - {{symbol: {symbol}, exchange: X, market: {market}, timeframe: 1d, currency: {currency}, file: a.csv}}
"""


@pytest.fixture
def two(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """Desks kr and us, with bars of all sessions that had closed on that Friday at noon in New York."""
    monkeypatch.setenv("NIGHTDESK_HOME", str(house.home))
    (house.home / "config/desks").mkdir(parents=True)
    (house.home / "dumps").mkdir()
    (house.home / "dumps/a.csv").write_text("date,open,high,low,close,volume\n")
    store = BarStore(paths.data_dir() / "raw")
    for name, market, currency, symbol in (("kr", "XKRX", "KRW", "AAA"), ("us", "XNYS", "USD", "BBB")):
        text = DESK.format(name=name, market=market, currency=currency, symbol=symbol)
        (house.home / f"config/desks/{name}.yaml").write_text(text)
        sessions = [s for s in trading_day.load(market).sessions() if s.close_utc_s < FRIDAY_NOON_IN_NEW_YORK][-60:]
        ts_ms = np.array([s.close_utc_s * 1000 for s in sessions], dtype=np.int64)
        close = 100 + np.arange(60.0) % 7
        bars = Bars(ts_ms=ts_ms, open=close, high=close + 1, low=close - 1, close=close, volume=np.ones(60))
        key = SeriesKey(exchange="X", symbol=symbol, timeframe="1d")
        store.write(key, bars, provider="test", fetched_at_ms=0, adjusted="raw", last_final=True)
    return house


def job(
    house: House,
    script: str,
    *flags: str,
    now_s: int = FRIDAY_NIGHT_IN_SEOUL,
) -> subprocess.CompletedProcess[bytes]:
    return house.run([str(house.clone / "batch" / script), *flags], NIGHTDESK_NOW=str(now_s))


def test_each_desk_has_reports_history_logs_and_a_calendar_of_its_own(two: House) -> None:
    for flag in ("kr", "us"):
        done = job(two, "run_report_watchlist.sh", "--desk", flag)
        assert done.returncode == 0, done.stderr
    done = job(two, "run_report_eod.sh", "--desk=us", now_s=FRIDAY_NOON_IN_NEW_YORK)
    assert done.returncode == 0, (done.stderr, two.log("report@us"))
    told = sorted(str(path.relative_to(two.home)) for path in (two.home / "reports").rglob("*.md"))
    assert told == [
        "reports/kr/watchlist_2026-11-20.md",
        "reports/us/eod_2026-11-19.md",
        "reports/us/watchlist_2026-11-20.md",
    ]
    assert [(one["job"], one["instance"], one["outcome"]) for one in two.history()] == [
        ("report_watchlist", "kr", "ok"), ("report_watchlist", "us", "ok"), ("report_eod", "us", "ok"),
    ]  # fmt: skip
    assert (two.home / "logs/watchlist@us_2026-11-20.log").exists()
    # in Seoul it is Saturday, in New York Friday noon: the guard of each asks its own calendar
    for flag, outcome in (("kr", "skip:not-a-session"), ("us", "ok")):
        assert job(two, "run_scanner.sh", "--desk", flag, now_s=FRIDAY_NOON_IN_NEW_YORK).returncode == 0
        last = two.history()[-1]
        assert (last["job"], last["instance"], last["outcome"]) == ("scanner", flag, outcome), two.log(
            f"scanner@{flag}"
        )
    assert (two.home / "logs/scanner@kr_2026-11-21.log").exists() and (
        two.home / "logs/scanner@us_2026-11-20.log"
    ).exists()


def test_a_night_of_one_desk_is_not_busy_while_the_other_runs(two: House) -> None:
    (two.home / ".locks").mkdir(exist_ok=True)
    with (two.home / ".locks/nightly@kr.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert b"busy: 'nightly@kr' is held" in job(two, "run_nightly.sh", "--desk", "kr").stderr
        job(two, "run_nightly.sh", "--desk", "us", "--no-such-flag")
    outcomes = [(one["instance"], one["outcome"], one["code"]) for one in two.history()]
    assert outcomes == [("kr", "skip:busy", 0), ("us", "fail", 64)]


def test_why_and_health_speak_of_each_desk_by_its_own_market(two: House) -> None:
    made_s = FRIDAY_NIGHT_IN_SEOUL - 30 * 86_400
    for path in (two.home / "config/desks").iterdir():
        os.utime(path, (made_s, made_s))
    told = two.run([str(two.clone / "jobs/why.sh"), "nightly@us"], NIGHTDESK_NOW=str(FRIDAY_NIGHT_IN_SEOUL))
    assert told.stdout.startswith(
        b"nightly@us 2026-11-19: never started: no record of it (due 23:30 UTC-5 on 2026-11-19"
    )
    every = two.run([str(two.clone / "jobs/why.sh")], NIGHTDESK_NOW=str(FRIDAY_NIGHT_IN_SEOUL)).stdout.decode()
    assert re.findall(r"^(nightly\S*) ", every, re.M) == ["nightly@kr", "nightly@us"]
    (two.home / "secret").mkdir(mode=0o700)
    shipped = (two.clone / "config/jobs.yaml").read_text()
    own = '  "nightly@us": {market: XNYS, every: session, due: "18:10", skip_budget: 2}\n'
    (two.home / "secret/jobs.yaml").write_text(shipped + own)
    told = two.run([str(two.clone / "jobs/why.sh"), "nightly@us"], NIGHTDESK_NOW=str(FRIDAY_NIGHT_IN_SEOUL))
    assert b"(due 18:10 UTC-5 on 2026-11-19" in told.stdout
    looked = job(two, "run_healthcheck.sh", "--json", "1").stdout.decode()
    for name in ("nightly@kr", "nightly@us", "scanner@us", "report_eod@kr", "run us", "run kr", "data X:BBB:1d"):
        assert f'"{name}"' in looked, looked
    assert '"nightly"' not in looked  # no desk without a name: nothing starts it
    only = job(two, "run_healthcheck.sh", "--json", "1", "--desk", "us").stdout.decode()
    assert '"nightly@us"' in only and '"nightly@kr"' not in only and '"data X:AAA:1d"' not in only


@pytest.mark.parametrize(
    "given",
    [
        "",
        "us",
        "kr",
        "de",
        "config/desk.sample.yaml",
        "HOME/x/my desk.yml",
        "HOME/config/desks/us.yaml",
        "HOME/desk.yaml",
    ],
)
def test_bash_and_python_mean_the_same_desk(two: House, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = given.replace("HOME", str(two.home))
    (two.home / "x").mkdir()
    shutil.copy(two.home / "config/desks/us.yaml", two.home / "x/my desk.yml")
    if not given:
        text = (two.home / "config/desks/kr.yaml").read_text()
        (two.home / "config/desk.yaml").write_text(text.replace("name: kr", "name: mine"))
    monkeypatch.chdir(two.clone)
    code = '. jobs/lib.sh; . jobs/desk.sh; desk_in --desk "$1"; printf "%s|" "$DESK_FILE" "${DESK#@}" "$DESK_MARKET"'
    done = subprocess.run(["bash", "-c", code, "lib", given], env=two.env(), capture_output=True, text=True)
    try:
        path = desks.desk_path(given or None, paths.config_dir())
    except ConfigError as error:
        assert (done.returncode, done.stderr.strip()) == (
            78,
            "lib: no desk 'de': there is no config/desks/de.yaml; there are: kr us",
        )
        assert "there are: kr, us" in str(error)
        return
    market = yaml.safe_load(path.read_text())["market"] if path.exists() else ""
    assert done.stdout.split("|") == [str(path), desks.called(path), market, ""], done.stderr


def test_what_desk_is_meant_is_never_guessed(two: House) -> None:
    for script in ("run_scanner.sh", "run_nightly.sh"):
        done = job(two, script)
        assert done.returncode == 78
        assert done.stderr.endswith(b"which desk? There is no config/desk.yaml; give --desk and one of: kr us\n")
    with pytest.raises(ConfigError, match=r"which desk\? .*; give --desk and one of: kr, us"):
        desks.desk_path(None, paths.config_dir())
    path = two.home / "config/desks/us.yaml"
    path.write_text(path.read_text().replace("name: us", "name: kr"))
    with pytest.raises(ConfigError, match=r"us.yaml:2: name: a desk in config/desks/ is called as its file"):
        load_desk(path)
    path.write_text("{name: us, market: XNYS}")
    done = job(two, "run_scanner.sh", "--desk", "us")
    assert done.returncode == 78 and b"has no line `market: XKRX` with a market of config/calendars/" in done.stderr
