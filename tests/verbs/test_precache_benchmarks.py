"""Benchmarks are brought into the store in the policy's order; what failed is reported, also by the exit code."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path

import pytest

from pyjobs.market.bars import SeriesKey
from pyjobs.market.benchmarks import bars
from pyjobs.market.store.bar_store import BarStore
from pyjobs.precache_benchmarks import main
from tests.fakemarket.server import FakeMarket
from tests.support.verb_process import run_verb
from utils.errors import ExternalDataUnavailable, UsageError
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
POLICY = """
benchmarks:
  KOSPI:
    providers: [local_cache, parquet, pykrx_index, yf_index]
    start: "2026-08-03"
    symbols: {pykrx_index: "1001", yf_index: "^KS11", local_keys: [KOSPI]}
  S&P500:
    providers: [parquet, yf_etf]
    start: "2026-08-03"
    symbols: {yf_etf: SPY}
"""
KOSPI_BY_YAHOO = SeriesKey(exchange="yf_index", symbol="KOSPI", timeframe="1d")
KOSPI_BY_KRX = SeriesKey(exchange="pykrx_index", symbol="KOSPI", timeframe="1d")
SPY = SeriesKey(exchange="yf_etf", symbol="SPY", timeframe="1d")


class Desk:
    """A home of its own, and the verbs run in it as processes, pointed at fakemarket."""

    def __init__(self, home: Path, env: dict[str, str], fake: FakeMarket) -> None:
        self.home, self.fake = home, fake
        self.env = {**env, "NIGHTDESK_HOME": str(home)}
        (home / "policy.yaml").write_text(POLICY)

    def run(self, verb: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return run_verb(verb, *args, env={**self.env, **env})

    def precache(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run("precache_benchmarks", "--policy", str(self.home / "policy.yaml"), *args, **env)

    def bars(self, key: SeriesKey) -> int:
        return len(BarStore(self.home / "data" / "raw", locks=self.home / "locks").read(key))


@pytest.fixture
def desk(tmp_path: Path, client_env: dict[str, str], fakemarket: FakeMarket) -> Desk:
    return Desk(tmp_path, client_env, fakemarket)


def test_benchmarks_come_from_the_next_provider_when_one_cannot_and_are_not_asked_for_twice(desk: Desk) -> None:
    first = desk.precache()
    assert first.returncode == 0, first.stderr
    assert "from yf_index; pykrx_index: not_set_up" in first.stdout  # no KRX_ID: nothing was sent there
    assert desk.fake.requests("krx") == []
    assert desk.bars(KOSPI_BY_YAHOO) > 60 and desk.bars(SPY) > 60
    store = BarStore(desk.home / "data" / "raw", locks=desk.home / "locks")
    about = [store.provenance(key) for key in (KOSPI_BY_YAHOO, SPY)]
    assert [(one.provider, one.adjusted) for one in about if one] == [("yf_index", "raw"), ("yf_etf", "adjusted")]
    asked = len(desk.fake.requests())
    second = desk.precache()
    assert second.returncode == 0 and "from parquet" in second.stdout
    assert len(desk.fake.requests()) == asked


def test_with_a_login_krx_comes_first_and_the_password_is_in_no_output_or_file(desk: Desk) -> None:
    desk.fake.krx.user, desk.fake.krx.password = "desk-user", "desk-password-2026"
    secret = desk.home / ".env"
    secret.write_text(f"KRX_ID={desk.fake.krx.user}\nKRX_PW={desk.fake.krx.password}\n")
    secret.chmod(0o600)
    done = desk.precache("--benchmarks", "KOSPI")
    assert done.returncode == 0 and "from pykrx_index" in done.stdout, done.stderr
    assert desk.bars(KOSPI_BY_KRX) > 60
    kept = [path.read_bytes() for path in desk.home.rglob("*") if path.is_file() and path != secret]
    assert all(desk.fake.krx.password.encode() not in content for content in kept)
    assert desk.fake.krx.password not in done.stdout + done.stderr


def test_the_day_s_download_is_kept_by_ticker_and_serves_when_the_network_is_forbidden(desk: Desk) -> None:
    assert desk.precache("--benchmarks", "S&P500").returncode == 0
    kept = list((desk.home / "data" / "webcache" / "yf" / "SPY").glob("*.json"))
    assert len(kept) == 1 and json.loads(kept[0].read_text())["symbol"] == "SPY"
    for partition in (desk.home / "data" / "raw").rglob("*.parquet"):
        partition.unlink()
    offline = desk.precache("--benchmarks", "S&P500", ALLOW_NET_FETCH="0")
    assert offline.returncode == 0 and "from yf_etf" in offline.stdout, offline.stderr


def test_without_network_and_without_files_a_required_benchmark_is_external_and_says_why(desk: Desk) -> None:
    failed = desk.precache(ALLOW_NET_FETCH="0")
    assert failed.returncode == 69
    assert "[WARN] benchmark unavailable: KOSPI (skipped)" in failed.stdout
    assert "ALLOW_NET_FETCH=0 forbids the network" in failed.stderr
    assert desk.fake.requests() == []


def test_an_optional_benchmark_that_cannot_be_had_does_not_stop_the_others(desk: Desk) -> None:
    desk.fake.fault("yahoo", "503", match="SPY")
    done = desk.precache("--budget-s", "1")
    assert done.returncode == 0, done.stderr
    assert "[WARN] benchmark unavailable: S&P500 (skipped)" in done.stdout and "KOSPI:" in done.stdout


def test_required_benchmarks_are_asked_for_before_one_whose_refusal_lets_the_provider_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def refused(name: str, *_: object, **__: object) -> None:
        asked.append(name)
        raise ExternalDataUnavailable("outage", provider="benchmark", symbol=name)

    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setattr(bars, "warm", refused)
    (tmp_path / "policy.yaml").write_text("required: [S&P500]" + POLICY)
    assert run(main, ["--policy", str(tmp_path / "policy.yaml")]) == 69
    assert asked == ["S&P500", "KOSPI"] and "S&P500" in capsys.readouterr().err.splitlines()[-1]


def test_a_benchmark_that_its_provider_never_has_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise UsageError("yf_index has no daily bars of currencies")

    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setattr(bars, "warm", refused)
    (tmp_path / "policy.yaml").write_text(POLICY)
    assert run(main, ["--policy", str(tmp_path / "policy.yaml")]) == 64  # KOSPI is required
    assert "[WARN] benchmark unavailable: S&P500 (skipped)" in capsys.readouterr().out


def test_a_file_of_closes_is_enough_when_it_reaches_the_last_session(desk: Desk) -> None:
    folder = desk.home / "data" / "benchmarks"
    folder.mkdir(parents=True)
    rows = ["date,close"]
    rows += [f"2026-08-{day:02d},3005.5" for day in (3, 4, 5, 6, 7)]
    (folder / "KOSPI.csv").write_text("\n".join(rows) + "\n")
    friday_evening = "1786096800"  # 2026-08-07 10:00 UTC, 19:00 in Seoul
    done = desk.precache("--benchmarks", "KOSPI", NIGHTDESK_NOW=friday_evening)
    assert done.returncode == 0 and "KOSPI: 5 bars 2026-08-03..2026-08-07 from local_cache" in done.stdout, done.stderr
    assert desk.fake.requests() == []


def test_a_ban_is_listed_shown_by_health_and_ended_by_one_command(desk: Desk) -> None:
    desk.fake.fault("yahoo", "block403")
    assert desk.precache("--benchmarks", "KOSPI").returncode == 69
    listed = desk.run("provider_state")
    assert "yahoo  not asked before" in listed.stdout and "blocked" in listed.stdout
    health = json.loads(desk.run("healthcheck", "--json", "1").stdout)
    shown = [check for check in health["checks"] if check["name"] == "provider yahoo"]
    assert [check["state"] for check in shown] == ["WARN"]
    asked = len(desk.fake.requests("yahoo"))
    assert desk.precache("--benchmarks", "KOSPI").returncode == 69
    assert len(desk.fake.requests("yahoo")) == asked
    assert "forgotten" in desk.run("provider_state", "--reset", "yf_index").stdout
    desk.fake.reset()
    assert desk.precache("--benchmarks", "KOSPI").returncode == 0


def test_an_unknown_benchmark_or_provider_is_wrong_usage(desk: Desk) -> None:
    assert desk.precache("--benchmarks", "DAX").returncode == 64
    assert desk.run("provider_state", "--reset", "reuters").returncode == 64


def test_a_day_that_was_fetched_before_it_was_settled_is_asked_for_again_and_a_late_dividend_is_worked_in(
    desk: Desk,
) -> None:
    def at(clock: str) -> str:
        now_s = dt.datetime.fromisoformat(clock).timestamp()
        desk.fake.market.clock.set(round(now_s * 1000))
        return str(now_s)

    store = BarStore(desk.home / "data" / "raw", locks=desk.home / "locks")
    only = ("--benchmarks", "S&P500")
    assert desk.precache(*only, NIGHTDESK_NOW=at("2026-11-20T21:10+00:00")).returncode == 0
    early = store.read(SPY)
    last, first = float(early.close[-1]), float(early.close[0])
    desk.fake.market.revise("SPY", int(early.ts_ms[-1]) - 60_000, 1.02)
    desk.fake.market.dividend("SPY", dt.date(2026, 9, 14), 5.0)
    assert desk.precache(*only, NIGHTDESK_NOW=at("2026-11-20T23:30+00:00")).returncode == 0
    settled = store.read(SPY)
    assert settled.close[-1] == pytest.approx(last * 1.02, rel=1e-3) and first - settled.close[0] > 4
    asked = len(desk.fake.requests("yahoo"))
    assert desk.precache(*only, NIGHTDESK_NOW=at("2026-11-20T23:40+00:00")).returncode == 0
    assert len(desk.fake.requests("yahoo")) == asked
