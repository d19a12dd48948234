"""ingest, gap_repair and bootstrap_symbols against fakemarket: the real provider, the real store, a simulated clock."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyjobs.bootstrap_symbols import main as bootstrap_symbols
from pyjobs.gap_repair import main as gap_repair
from pyjobs.ingest import main as ingest
from pyjobs.market.bars import SeriesKey
from pyjobs.market.ingest import bootstrap, instances
from pyjobs.market.ingest.gaps import missing_bars
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from pyjobs.provider_state import main as provider_state
from tests.fakemarket.server import FakeMarket
from utils.errors import ConfigError, UsageError
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
NOON_S = 1_795_176_000  # 2026-11-20T12:00Z
BTC = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe="1m")
SERIES = ["--symbol", "BTCUSD", "--timeframe", "1m"]


class World:
    """fakemarket and nightdesk's own state, both at one simulated time."""

    def __init__(self, fake: FakeMarket, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fake, self.home, self.patch = fake, home, monkeypatch
        for name, value in fake.env().items():
            monkeypatch.setenv(name, value)
        for name in ("CT_SYMBOL", "CT_TIMEFRAME", "CT_LOOKBACK_DAYS", "CT_EXCHANGE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NIGHTDESK_HOME", str(home))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
        monkeypatch.setenv("RETRY_BUDGET_S", "1")
        self.at(NOON_S)
        self.store = BarStore(home / "data" / "raw")

    def at(self, now_s: float) -> None:
        self.now_s = now_s
        self.patch.setenv("NIGHTDESK_NOW", str(now_s))
        self.fake.market.clock.set(round(now_s * 1000))

    def asked(self) -> int:
        return len(self.fake.requests("bitfinex"))


@pytest.fixture
def world(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(fakemarket, tmp_path, monkeypatch)


def test_a_day_comes_in_and_resume_adds_the_minutes_since(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-19", "--end", "2026-11-20"]) == 0
    assert "BITFINEX:BTCUSD:1m: " in capsys.readouterr().out
    day = world.store.read(BTC)
    quiet = world.store.confirmed_empty(BTC)
    assert len(day) + quiet.size == 1440 and quiet.size > 0
    assert run(ingest, [*SERIES, "--resume"]) == 0
    world.at(NOON_S + 180)
    assert run(ingest, [*SERIES, "--resume"]) == 0
    assert world.store.read(BTC).ts_ms[-1] >= (NOON_S + 60) * 1000
    assert world.asked() == 3


def test_a_series_may_come_from_the_environment_of_its_unit(world: World) -> None:
    world.patch.setenv("CT_SYMBOL", "BTCUSD")
    world.patch.setenv("CT_TIMEFRAME", "1m")
    world.patch.setenv("CT_LOOKBACK_DAYS", "0.5")
    assert run(ingest, ["--resume"]) == 0
    assert world.store.read(BTC).ts_ms[0] >= (NOON_S - 43_200) * 1000


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        ([*SERIES], 64, "say either --resume, or --start"),
        ([*SERIES, "--resume", "--end", "2026-11-19"], 64, "--end goes with --start"),
        ([*SERIES, "--start", "2026-11-19", "--end", "2026-11-18"], 64, "is after --end"),
        ([*SERIES, "--start", "2026-11-19", "--end", "2026-11-21"], 64, "--end 2026-11-21 00:00 UTC is in the future"),
        ([*SERIES, "--start", "2027-01-01"], 64, "--start 2027-01-01 00:00 UTC is in the future"),
        ([*SERIES, "--start", "yesterday"], 64, "'yesterday' is not a time like 2026-11-20"),
        (["--symbol", "BTCUSD", "--timeframe", "2m", "--resume"], 64, "unknown timeframe '2m'"),
        (["--symbol", "BTCUSD", "--resume"], 64, "--symbol needs --timeframe"),
        (["--resume"], 64, "name a series"),
        ([*SERIES, "--all", "--resume"], 64, "exclude each other"),
        ([*SERIES, "--exchange", "MTGOX", "--resume"], 64, "unknown exchange 'MTGOX'"),
        (["--instance", "BTCUSD", "--resume"], 64, "SYMBOL-TIMEFRAME"),
        (["--symbol", "NOPEUSD", "--timeframe", "1m", "--resume"], 69, "no_data"),
        (["--exchange", "ALPACA", "--symbol", "SPY", "--timeframe", "1m", "--resume"], 78, "APCA_API_KEY_ID"),
        (["--all", "--resume"], 78, "no instance is configured"),
    ],
)
def test_bad_input_is_named_and_nothing_is_stored(
    world: World, capsys: pytest.CaptureFixture[str], argv: list[str], code: int, says: str
) -> None:
    try:
        assert run(ingest, argv) == code
    except SystemExit as leaving:
        assert leaving.code == code
    assert says in capsys.readouterr().err
    assert not list(world.home.rglob("*.parquet"))


def test_a_range_of_many_pages_has_no_seams(world: World) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-10-20T07:13", "--end", "2026-11-20"]) == 0
    gone = missing_bars(world.store, BTC, "24/7", first_ms=0, last_ms=1_795_132_800_000)
    assert gone.size == 0
    assert world.asked() == 5  # 44 207 minutes, 10 000 a request


MONTH = [*SERIES, "--start", "2026-10-20T07:13", "--end", "2026-11-20"]  # five requests


def refused(world: World) -> int:
    return [one.status for one in world.fake.requests("bitfinex")].count(429)


def test_a_backfill_by_hand_goes_through_a_provider_that_says_too_many_requests_now_and_then(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.patch.delenv("RETRY_BUDGET_S")
    world.fake.fault("bitfinex", "429", every=3, retry_after="1")
    assert run(ingest, MONTH) == 0
    told = capsys.readouterr().err
    assert refused(world) == 2
    line = r"^bitfinex: rate_limit \(11010: ratelimit: error\): waiting 1 s, until 20..-..-.. ..:..:.. UTC$"
    assert len(re.findall(line, told, re.M)) == 2
    assert not missing_bars(world.store, BTC, "24/7", first_ms=0, last_ms=1_795_132_800_000).size


@pytest.mark.torture  # it waits out a rate limit that does not say for how long: one to two minutes
def test_a_backfill_by_hand_goes_through_a_rate_limit_without_retry_after(world: World) -> None:
    world.patch.delenv("RETRY_BUDGET_S")
    world.fake.fault("bitfinex", "429", every=4, times=1)
    assert run(ingest, MONTH) == 0
    assert refused(world) == 1
    assert not missing_bars(world.store, BTC, "24/7", first_ms=0, last_ms=1_795_132_800_000).size


def test_a_series_of_which_nothing_comes_does_not_end_well(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.fake.market.halt("BTCUSD", (NOON_S - 9 * 86_400) * 1000, NOON_S * 1000)
    assert run(ingest, [*SERIES, "--resume"]) == 69
    assert "no_data: no bar from 2026-11-17 12:00 UTC to 2026-11-20 12:00 UTC" in capsys.readouterr().err


@pytest.mark.parametrize(("start", "says"), [("2026-11-12", True), ("2026-11-05", False), ("2026-11-01", False)])
def test_a_range_that_takes_the_place_of_an_unfinished_one_says_what_is_not_fetched(
    world: World, capsys: pytest.CaptureFixture[str], start: str, says: bool
) -> None:
    broken = world.fake.fault("bitfinex", "503", after=1)  # a page of minutes comes, the next does not
    assert run(ingest, [*SERIES, "--start", "2026-11-01", "--end", "2026-11-15"]) == 69
    assert broken.served
    world.fake.script.clear()
    assert run(provider_state, ["--reset", "bitfinex"]) == 0
    capsys.readouterr()
    assert run(ingest, [*SERIES, "--start", start, "--end", "2026-11-20"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "was not finished" in line]
    assert len(told) == says
    for line in told:
        assert re.search(r"not fetched of it: 2026-11-0. ..:.. UTC to 2026-11-15 00:00 UTC$", line)


def test_an_outage_is_external_and_the_next_run_goes_on(world: World) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-19", "--end", "2026-11-20"]) == 0
    world.fake.fault("bitfinex", "503")
    before = world.store.read(BTC)
    assert run(ingest, [*SERIES, "--resume"]) == 69
    assert same_bars(world.store.read(BTC), before)


def test_a_minute_that_is_revised_after_its_close_is_corrected(world: World) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-20T10:00", "--end", "2026-11-20T12:00"]) == 0
    old = world.store.read(BTC)
    last = int(old.ts_ms[-1])
    world.fake.market.revise("BTCUSD", last - 60_000, 1.01)
    world.at(NOON_S + 120)
    assert run(ingest, [*SERIES, "--resume"]) == 0
    new = world.store.read(BTC)
    assert new.close[new.ts_ms == last][0] == pytest.approx(old.close[-1] * 1.01, rel=1e-4)


def test_a_removed_day_and_removed_minutes_come_back_and_the_second_pass_asks_nobody(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-16", "--end", "2026-11-20"]) == 0
    whole, quiet = world.store.read(BTC), world.store.confirmed_empty(BTC)
    day, thinned = world.store.partitions(BTC)[1], world.store.partitions(BTC)[2]
    day.unlink()
    kept = world.store.read(BTC, start_ms=1_795_046_400_001, end_ms=1_795_132_800_000)  # 2026-11-19
    thinned.unlink()
    some = kept.slice(0, 300)
    world.store.write(BTC, some, provider="bitfinex", fetched_at_ms=1, adjusted="raw", last_final=True)
    asked = world.asked()
    assert run(gap_repair, [*SERIES, "--lookback-days", "30"]) == 0
    assert same_bars(world.store.read(BTC), whole)
    assert np.array_equal(world.store.confirmed_empty(BTC), quiet)
    assert world.asked() - asked == 1
    assert " 0 left, by 1 requests" in capsys.readouterr().out
    assert run(gap_repair, [*SERIES, "--lookback-days", "30"]) == 0
    assert world.asked() - asked == 1
    assert "nothing missing, no provider asked" in capsys.readouterr().out


def test_all_instances_are_ingested_and_one_that_fails_hides_no_other(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for symbol in ("BTCUSD", "NOPEUSD", "ETHUSD"):
        instances.save(
            instances.Instance(
                exchange="BITFINEX", symbol=symbol, timeframe="1m", lookback_days=0.1, gap_repair=symbol == "ETHUSD"
            )
        )
    assert run(ingest, ["--all", "--resume"]) == 0
    out = capsys.readouterr().out
    assert "BITFINEX:NOPEUSD:1m: set aside: bitfinex answers: it knows no such symbol" in out
    assert [key.symbol for key in world.store.series()] == ["BTCUSD", "ETHUSD"]
    assert run(gap_repair, ["--all"]) == 0
    assert "BTCUSD" not in capsys.readouterr().out


def test_two_ingests_of_one_series_do_not_run_at_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    from filelock import FileLock

    locks = world.home / ".locks"
    locks.mkdir()
    with FileLock(locks / "ingest-BITFINEX-BTCUSD-1m.lock"):
        assert run(ingest, [*SERIES, "--resume"]) == 75
    assert "another ingest works on it" in capsys.readouterr().err


def test_an_instance_file_with_a_typo_is_named_with_its_line(world: World) -> None:
    folder = world.home / "config" / "instances"
    folder.mkdir(parents=True)
    (folder / "BTCUSD-1m.env").write_text("# mine\nCT_SYMBL=BTCUSD\n")
    with pytest.raises(ConfigError, match=r"BTCUSD-1m\.env:2: 'CT_SYMBL=BTCUSD' is none of CT_EXCHANGE"):
        instances.load_all()
    (folder / "BTCUSD-1m.env").write_text("CT_LOOKBACK_DAYS=never\n")
    with pytest.raises(ConfigError, match="CT_LOOKBACK_DAYS=never is not a number of days above 0"):
        instances.load_all()


@pytest.mark.usefixtures("world")
def test_an_instance_is_found_by_its_name_and_names_survive() -> None:
    assert instances.by_name("BTCUSD-1m").symbol == "BTCUSD"
    pair = instances.Instance(exchange="BITFINEX", symbol="DOGE:USD", timeframe="5m", lookback_days=3, gap_repair=True)
    assert pair.name == "DOGE%3AUSD-5m"
    instances.save(pair)
    assert instances.by_name(pair.name) == instances.by_name(r"DOGE\x253AUSD-5m") == pair
    assert instances.by_name("DOGE:USD-5m") == pair
    own = instances.folders()[1] / "doge-5m.env"  # a name of one's own for it
    own.write_text("CT_SYMBOL=DOGE:USD\nCT_TIMEFRAME=5m\n")
    assert instances.by_name("doge-5m").symbol == "DOGE:USD" and instances.by_name("kPEPE-1m").symbol == "kPEPE"
    with pytest.raises(UsageError, match="unknown timeframe '7m' of BTCUSD"):
        instances.by_name("BTCUSD-7m")


def test_bootstrap_fetches_writes_instances_and_prints_crontab_lines(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--symbols", "BTCUSD,NOPEUSD,ETHUSD", "--timeframe", "1m", "--lookback-days", "0.2"]
    assert run(bootstrap_symbols, argv) == 69
    capsys.readouterr()
    assert run(bootstrap_symbols, [*argv, "--enable-gap-repair", "--ignore-errors"]) == 0
    out = capsys.readouterr().out
    assert "[WARN] NOPEUSD: bitfinex NOPEUSD: no_data" in out and "2 of 3 symbols set up" in out
    assert "BITFINEX:BTCUSD:1m: 0 new bars; " in out  # it had come before the one that is unknown
    assert f"* * * * *  {shlex.quote(f'{ROOT}/batch/run_ingest.sh')}" in out and "run_gap_repair.sh" in out
    assert [one.name for one in instances.load_all()] == ["BTCUSD-1m", "ETHUSD-1m"]
    text = (world.home / "config/instances/BTCUSD-1m.env").read_text()
    assert text == "CT_EXCHANGE=BITFINEX\nCT_SYMBOL=BTCUSD\nCT_TIMEFRAME=1m\nCT_LOOKBACK_DAYS=0.2\nCT_GAP_REPAIR=1\n"


@pytest.mark.usefixtures("world")
def test_an_instance_of_another_exchange_by_the_same_name_is_not_overwritten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = instances.Instance(exchange="ALPACA", symbol="BTCUSD", timeframe="1m", lookback_days=2, gap_repair=True)
    path = instances.save(replace(first, by_short_name=True))  # as older versions called it
    argv = ["--symbols", "BTCUSD", "--timeframe", "1m", "--lookback-days", "0.1"]
    assert run(bootstrap_symbols, argv) == 64
    assert f"{path} keeps ALPACA's BTCUSD up to date: rename it" in capsys.readouterr().err
    path.rename(path.with_name("ALPACA-BTCUSD-1m.env"))
    assert run(bootstrap_symbols, argv) == 0
    assert sorted((one.exchange, one.symbol) for one in instances.load_all()) == [
        ("ALPACA", "BTCUSD"),
        ("BITFINEX", "BTCUSD"),
    ]


def test_bootstrap_writes_user_units_and_says_how_to_enable_them(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--symbols", "BTCUSD", "--lookback-days", "0.1", "--enable-gap-repair", "--systemd", "write", "--each"]
    assert run(bootstrap_symbols, argv) == 0
    out = capsys.readouterr().out
    assert "enable --now nightdesk-ingest@BTCUSD-1m.timer nightdesk-gap-repair@BTCUSD-1m.timer" in out
    units = world.home / "xdg" / "systemd" / "user"
    names = sorted(path.name for path in units.iterdir())
    assert names == [f"nightdesk-{job}@.{kind}" for job in ("gap-repair", "ingest") for kind in ("service", "timer")]
    argv[1:2] = ["DOGE:USD"]
    assert run(bootstrap_symbols, argv) == 0
    assert r"enable --now 'nightdesk-ingest@DOGE\x253AUSD-1m.timer' '" in capsys.readouterr().out  # for a shell
    assert f'ExecStart="{ROOT}/batch/run_ingest.sh" %i' in (units / "nightdesk-ingest@.service").read_text()


def test_a_path_with_a_space_and_a_percent_sign_survives_cron_and_systemd() -> None:
    root = Path("/srv/my desk/100%")
    assert bootstrap.crontab_lines(root, gap_repair=False) == [r"* * * * *  '/srv/my desk/100\%/batch/run_ingest.sh'"]
    texts = bootstrap.unit_texts(ROOT / "config" / "schedule" / "systemd", root)
    assert 'ExecStart="/srv/my desk/100%%/batch/run_ingest.sh" %i' in texts["nightdesk-ingest@.service"]


def test_the_minute_job_runs_through_the_whole_chain(world: World) -> None:
    env = {**os.environ, "PYTHONBIN": str(ROOT / ".venv/bin/python")}
    done = subprocess.run([ROOT / "batch/run_ingest.sh", "BTCUSD-1m"], env=env, capture_output=True, text=True, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(world.store.read(BTC)) > 3000  # three days, the default
    assert (world.home / ".locks" / "ingest@BTCUSD-1m.lock").exists()
    log = (world.home / "logs" / "ingest@BTCUSD-1m_2026-11-20.log").read_text()
    assert "BITFINEX:BTCUSD:1m: " in log
    again = subprocess.run([ROOT / "batch/run_gap_repair.sh", "BTCUSD-1m"], env=env, capture_output=True, text=True)
    assert again.returncode == 0


def test_a_provider_that_wants_longer_than_to_the_next_start_is_left_to_the_next_run(world: World) -> None:
    env = {**os.environ, "PYTHONBIN": str(ROOT / ".venv/bin/python"), "RETRY_BUDGET_S": "9000"}
    world.fake.fault("bitfinex", "429", retry_after="61", times=1)  # every minute it is started anew
    done = subprocess.run([ROOT / "batch/run_ingest.sh", "BTCUSD-1m"], env=env, capture_output=True, text=True, cwd="/")
    assert (done.returncode, world.asked()) == (0, 1)  # a second try, a minute later, would have been answered
    assert '"outcome":"skip:rate_limit"' in (world.home / "logs" / "history.jsonl").read_text().replace(": ", ":")


def test_one_pair_by_two_spellings_is_one_series_and_what_is_not_given_again_is_kept(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first = ["--symbols", "BTC/USD,tBTCUSD", "--lookback-days", "0.1", "--enable-gap-repair"]
    assert run(bootstrap_symbols, first) == 0
    assert "1 of 1 symbols set up" in capsys.readouterr().out
    kept = world.home / "config/instances/BTCUSD-1m.env"
    assert kept.read_text().endswith("CT_SYMBOL=BTCUSD\nCT_TIMEFRAME=1m\nCT_LOOKBACK_DAYS=0.1\nCT_GAP_REPAIR=1\n")
    assert run(bootstrap_symbols, ["--symbols", "BTC/USD"]) == 0  # without the flags it had
    out = capsys.readouterr().out
    assert kept.read_text().endswith("CT_LOOKBACK_DAYS=0.1\nCT_GAP_REPAIR=1\n") and "run_gap_repair.sh" in out
    (kept.parent / "BTC%2FUSD-1m.env").write_text("CT_LOOKBACK_DAYS=2\n")
    asked = world.asked()
    world.at(NOON_S + 180)
    assert run(ingest, ["--all", "--resume"]) == 0
    assert world.asked() == asked + 1  # two files, one series
    assert world.store.newest(BTC) is not None


def test_messages_count_bars_that_are_new(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-20", "--end", "2026-11-20T06:00:00Z"]) == 0
    stored = len(world.store.read(BTC))
    assert f": {stored} new bars up to " in capsys.readouterr().out
    assert run(ingest, [*SERIES, "--start", "2026-11-20", "--end", "2026-11-20T06:00:00Z"]) == 0
    assert ": 0 new bars up to " in capsys.readouterr().out
    assert run(ingest, [*SERIES, "--resume"]) == 0
    assert f": {len(world.store.read(BTC)) - stored} new bars up to " in capsys.readouterr().out
