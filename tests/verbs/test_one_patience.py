"""A job over many series is patient once, not for each of them: those of a provider that hangs are in nobody's way."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from pyjobs.gap_repair import main as gap_repair
from pyjobs.ingest import main as ingest
from pyjobs.market.ingest.instances import Instance, save
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates, State
from pyjobs.market.providers.base import NotAsked, Refused
from pyjobs.market.store.bar_store import BarStore
from tests.fakemarket.server import FakeMarket
from utils.errors import BadDataError, NetworkForbidden
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
NOON_S = 1_795_176_000  # 2026-11-20T12:00Z
PAIRS = ("BTCUSD", "ETHUSD", "LTCUSD")


@pytest.fixture
def home(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose jobs know only fakemarket, at noon."""
    own = {"NIGHTDESK_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg"), "XDG_CACHE_HOME": str(tmp_path)}
    for name, value in {**fakemarket.env(), **own, "NIGHTDESK_NOW": str(NOON_S), "RETRY_BUDGET_S": "1"}.items():
        monkeypatch.setenv(name, value)
    for name in ("CT_SYMBOL", "CT_TIMEFRAME", "CT_LOOKBACK_DAYS", "CT_EXCHANGE", "NEXT_START", "JOB"):
        monkeypatch.delenv(name, raising=False)
    fakemarket.market.clock.set(NOON_S * 1000)
    return tmp_path


def series(symbol: str, *, exchange: str = "BITFINEX") -> Instance:
    timeframe = "1m" if exchange == "BITFINEX" else "1d"
    return Instance(exchange=exchange, symbol=symbol, timeframe=timeframe, lookback_days=3, gap_repair=True)


def set_up(*wanted: Instance) -> None:
    for one in wanted:
        save(one)


def stored(home: Path) -> set[str]:
    return {key.symbol for key in BarStore(home / "data" / "raw").series()}


def test_one_question_to_a_provider_that_hangs_is_all_and_the_others_are_served_before_it_is_told(
    home: Path, fakemarket: FakeMarket, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "secret").mkdir()
    bitfinex = '  BITFINEX: {provider: bitfinex, market: "24/7", page_bars: 10000}\n'
    files = "  FILES: {provider: local_cache, market: XNYS, page_bars: 5000}\n"
    (home / "secret" / "exchanges.yaml").write_text(f"exchanges:\n{bitfinex}{files}")
    (home / "data" / "benchmarks").mkdir(parents=True)
    (home / "data" / "benchmarks" / "SPY.csv").write_text("date,close\n2026-11-18,601\n2026-11-19,602\n")
    set_up(*map(series, PAIRS), series("SPY", exchange="FILES"))
    fakemarket.fault("bitfinex", "hang")
    assert run(ingest, ["--all", "--resume"]) == 69
    out = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in out] == ["FILES:SPY:1d", *told(out), "3 of 4 failed"]
    assert sorted(told(out)) == [f"{pair}-1m" for pair in PAIRS]
    assert all("timeout: not asked" in line for line in out[1:4])
    assert stored(home) == {"SPY"}
    assert len(fakemarket.requests("bitfinex")) == 1


@pytest.mark.torture  # an outage lasts as long as a job is patient
def test_what_two_providers_in_trouble_cost_the_minute_job_and_the_third_has_its_bars_every_time(
    home: Path, fakemarket: FakeMarket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RETRY_BUDGET_S")
    monkeypatch.setenv("PYTHONBIN", sys.executable)
    fakemarket.krx.user, fakemarket.krx.password = "desk-user", "desk-password"
    (home / ".env").write_text("KRX_ID=desk-user\nKRX_PW=desk-password\n")
    (home / ".env").chmod(0o600)
    late = [*map(series, PAIRS), *(series(name, exchange="KRX_INDEX") for name in ("1001", "1028", "2001"))]
    set_up(*late, *(series(name, exchange="YAHOO") for name in ("SPY", "QQQ", "EWY")))
    fakemarket.fault("bitfinex", "hang")
    fakemarket.fault("krx", "drip")
    for minute in range(3):  # the first does not know yet, the second and third do
        now_s, began = NOON_S + 60 * minute, time.monotonic()
        fakemarket.market.clock.set(now_s * 1000)
        monkeypatch.setenv("NIGHTDESK_NOW", str(now_s))
        done = subprocess.run([ROOT / "batch/run_ingest.sh"], capture_output=True, text=True, cwd="/")
        took_s = time.monotonic() - began
        asked = {name: len(fakemarket.requests(name)) for name in ("bitfinex", "krx", "yahoo")}
        with capsys.disabled():
            print(f"\nminute {minute}: {took_s:.1f} s; requests so far: {asked}")
        assert took_s < (60 if minute else 80)  # a provider that newly fails may cost 20 s beyond the bound
        log = (home / "logs" / "ingest_2026-11-20.log").read_text().rpartition("[START]")[2].splitlines()
        assert (done.returncode, done.stderr) == (0, "")
        assert {line[20:].split(": failed: ")[0] for line in log if ": failed: " in line} == {one.name for one in late}
        assert stored(home) == {"SPY", "QQQ", "EWY"}


def told(lines: Sequence[str]) -> list[str]:
    """The instances whose failure is printed, in that order."""
    return [line.split(": ")[0] for line in lines if ": failed: " in line]


def test_who_says_to_wait_is_waited_for_once_for_all_of_its_series(
    home: Path, fakemarket: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRY_BUDGET_S", "30")
    set_up(*map(series, PAIRS))
    fakemarket.fault("bitfinex", "429", times=1, retry_after="1")
    assert run(ingest, ["--all", "--resume"]) == 0
    assert stored(home) == set(PAIRS)
    asked = [one.status for one in fakemarket.requests("bitfinex")]
    assert asked == [429, 200, 200, 200]


def test_gap_repair_asks_a_provider_once_that_is_to_be_left_alone(
    home: Path, fakemarket: FakeMarket, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(*map(series, PAIRS))
    assert run(ingest, ["--all", "--resume"]) == 0
    for pair in PAIRS:
        (home / "data" / "raw" / "BITFINEX" / pair / "1m" / "2026-11-19.parquet").unlink()
    before = len(fakemarket.requests("bitfinex"))
    fakemarket.fault("bitfinex", "429", retry_after="3600")
    capsys.readouterr()
    assert run(gap_repair, ["--all"]) == 69
    assert len(fakemarket.requests("bitfinex")) == before + 1
    assert sorted(told(capsys.readouterr().out.splitlines())) == [f"{pair}-1m" for pair in PAIRS]


def failing(rate_limit_group: str, *, failures: int, last_s: float) -> None:
    states = ProviderStates()
    states.folder.mkdir(parents=True, exist_ok=True)
    known = State(provider=rate_limit_group, kind="outage", failures=failures, last_failure_s=last_s)
    states.path(rate_limit_group).write_bytes(msgspec.json.encode(known))


@pytest.mark.parametrize(
    ("failures", "pairs"), [(1, "ETHUSD LTCUSD BTCUSD"), (2, "LTCUSD BTCUSD ETHUSD"), (3, "BTCUSD ETHUSD LTCUSD")]
)
@pytest.mark.usefixtures("home")
def test_the_order_of_those_that_wait_lets_no_series_and_no_provider_stay_in_the_others_way(
    failures: int, pairs: str
) -> None:
    failing("bitfinex", failures=failures, last_s=NOON_S - 60)
    failing("yahoo", failures=1, last_s=NOON_S - 120)
    left_alone = NotAsked("outage", provider="p")
    tried = series("XRPUSD")
    waiting = dict.fromkeys((*map(series, PAIRS), series("SPY", exchange="YAHOO")), left_alone)
    order = Sources().in_turn({tried: Refused("outage", provider="p"), **waiting})
    assert [one.symbol for one in order] == ["SPY", *pairs.split(), "XRPUSD"]


@pytest.mark.usefixtures("home")
def test_only_what_time_may_mend_is_put_off() -> None:
    can_wait = Sources().can_wait
    assert can_wait(NotAsked("blocked", provider="p")) and can_wait(Refused("timeout", provider="p"))
    assert not can_wait(Refused("auth", provider="p")) and not can_wait(NetworkForbidden(provider="p"))
    assert not can_wait(BadDataError("torn"))
