"""The verbs that keep series up to date, on instances: ingest of all, bootstrap, the chain."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pyjobs.bootstrap_symbols import main as bootstrap_symbols
from pyjobs.gap_repair import main as gap_repair
from pyjobs.ingest import main as ingest
from pyjobs.market.ingest import bootstrap, instances
from tests.verbs.support.ingest_verbs import (
    BTC,
    NOON_S,
    SERIES,
    World,
    world,  # noqa: F401  # the fixture
)
from utils.errors import ConfigError, UsageError
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]


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
    assert "BITFINEX:NOPEUSD:1m: set aside: bitfinex answers: it has no such symbol" in out
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
def test_bootstrap_that_ignores_errors_tries_all_and_does_not_ignore_a_disk_of_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = instances.save

    def saved(one: instances.Instance) -> Path:
        if one.symbol == "BTCUSD":
            raise OSError(errno.EIO, os.strerror(errno.EIO), "config/instances/BTCUSD-1m.env")
        return save(one)

    monkeypatch.setattr(instances, "save", saved)
    argv = ["--symbols", "BTCUSD,ETHUSD", "--timeframe", "1m", "--lookback-days", "0.1", "--ignore-errors"]
    assert run(bootstrap_symbols, argv) == 73
    told = capsys.readouterr()
    assert "1 of 2 symbols set up" in told.out and "BTCUSD-1m.env': Input/output error; " in told.err
    assert [one.name for one in instances.load_all()] == ["ETHUSD-1m"]


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
