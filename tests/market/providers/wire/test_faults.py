"""A fault at a client ends in its kind: never a KeyError, never success without rows.

A few cells, picked by a seed; tests/verbs/test_outages.py tries every fault at the jobs as they ship.
"""

from __future__ import annotations

import importlib.util
import random
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.providers import Provider, provider
from pyjobs.market.providers.asking.ask import ask
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.retry_budget import retry_budget
from pyjobs.market.providers.workers.remote import Remote
from tests.fakemarket.server import FakeMarket
from tests.market.providers.asking.support.made_up import KIND_OF, QUESTIONS, SERVED_BY, ms
from utils.errors import ExternalDataUnavailable

PACKAGE = {"ccxt": "ccxt", "yf_index": "yfinance", "pykrx_index": "pykrx", "krx_stock": "pykrx", "alpaca": "alpaca"}
# a changed field or a cut answer is one of the data, not of the login before it
WHERE = {"yf_index": "chart", "ccxt": "candles", "pykrx_index": "getJsonData", "krx_stock": "getJsonData"}
PATIENT_S = 600.0  # a busy machine takes long to load a client
QUICK = [(name, fault) for name in PACKAGE for fault in KIND_OF if fault != "drip"]


@pytest.fixture(autouse=True)
def pointed_at_fakemarket(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakemarket.krx.user, fakemarket.krx.password = "fake-user", "fake-password"
    credentials = {"KRX_ID": "fake-user", "KRX_PW": "fake-password"}
    keys = {"APCA_API_KEY_ID": "fake-key", "APCA_API_SECRET_KEY": "fake-secret", "NIGHTDESK_HOME": str(tmp_path)}
    for name, value in {**fakemarket.env(), **credentials, **keys}.items():
        monkeypatch.setenv(name, value)


def ready(name: str) -> Provider:
    if name in PACKAGE and importlib.util.find_spec(PACKAGE[name]) is None:
        pytest.skip(f"{PACKAGE[name]} is not installed (the `providers` extra)")
    return provider(name)


def spoil(fakemarket: FakeMarket, name: str, fault: str, **options: Any) -> None:
    match = WHERE.get(name, "") if fault in ("renamed", "cut_json") else ""
    fakemarket.fault(SERVED_BY[name], fault, match=match, **options)


def hurried(name: str, fault: str = "") -> Provider:
    """The provider, where it is to hang with a short pause (the shipped one is tried by the torture), else patient."""
    made = ready(name)
    if isinstance(made, Remote):
        made.pause_s = 2.0 if fault == "hang" else 60.0
    return made


@pytest.mark.parametrize(("name", "step_ms"), [("bitfinex", 3_600_000), ("yf_index", 86_400_000)])
def test_by_a_clock_that_runs_ahead_no_running_bar_is_closed_and_no_future_one_confirmed_empty(
    fakemarket: FakeMarket, name: str, step_ms: int
) -> None:
    there_ms = ms("2026-11-05T05:30")  # the session of XKRX ends at 06:30, the hour of bitfinex at 06:00
    fakemarket.clock.set(there_ms)
    wanted = replace(QUESTIONS[name], start_ms=ms("2026-10-20"), end_ms=ms("2026-11-20"))
    fetched = ready(name).fetch(wanted, there_ms + 20 * step_ms)
    assert there_ms - step_ms < fetched.bars.ts_ms[-1] <= there_ms
    assert all(last <= there_ms for _, last in fetched.confirmed_empty)
    # of the hour that closed half an hour ago, and of yesterday's session, nothing will be revised
    assert fetched.last_final


@pytest.mark.parametrize("name", [*PACKAGE, "bitfinex"])
def test_without_a_fault_every_client_delivers_bars(name: str) -> None:
    fetched = hurried(name).fetch(QUESTIONS[name], int(time.time() * 1000), limit_s=PATIENT_S)
    assert len(fetched.bars) >= 20 and fetched.last_final
    assert QUESTIONS[name].start_ms <= fetched.bars.ts_ms[0] <= fetched.bars.ts_ms[-1] <= QUESTIONS[name].end_ms


@pytest.mark.parametrize(("name", "fault"), random.Random(20261120).sample(QUICK, 4))
def test_a_few_faults_at_the_real_clients_end_in_their_kind(fakemarket: FakeMarket, name: str, fault: str) -> None:
    source = hurried(name, fault)
    spoil(fakemarket, name, fault)
    with pytest.raises(ExternalDataUnavailable) as refusal:
        source.fetch(QUESTIONS[name], int(time.time() * 1000), limit_s=PATIENT_S)
    assert refusal.value.kind == KIND_OF[fault], str(refusal.value)
    assert refusal.value.provider == name and "fake-" not in str(refusal.value)


@pytest.mark.parametrize("fault", [fault for fault in KIND_OF if fault not in ("hang", "drip")])
def test_every_quick_fault_at_our_own_client_ends_in_its_kind(fakemarket: FakeMarket, fault: str) -> None:
    fakemarket.fault("bitfinex", fault)
    with pytest.raises(ExternalDataUnavailable) as refusal:
        provider("bitfinex").fetch(QUESTIONS["bitfinex"], int(time.time() * 1000), limit_s=PATIENT_S)
    assert refusal.value.kind == KIND_OF[fault], str(refusal.value)
    assert len(fakemarket.requests("bitfinex")) == 1


def test_an_expired_krx_password_is_told_in_its_own_words(fakemarket: FakeMarket) -> None:
    source = hurried("pykrx_index")
    fakemarket.krx.login_code = "CD010"
    with pytest.raises(ExternalDataUnavailable, match="password has expired") as refusal:
        source.fetch(QUESTIONS["pykrx_index"], int(time.time() * 1000), limit_s=PATIENT_S)
    assert refusal.value.kind == "auth" and fakemarket.krx.password not in str(refusal.value)


@pytest.mark.parametrize("disable_curl", ["0", "1"])
def test_yahoo_is_asked_for_prices_alone_and_for_a_crumb_only_once_it_wants_one(
    fakemarket: FakeMarket, monkeypatch: pytest.MonkeyPatch, disable_curl: str
) -> None:
    monkeypatch.setenv("YF_DISABLE_CURL_CFFI", disable_curl)
    source, now_ms = hurried("yf_index"), int(time.time() * 1000)
    source.fetch(QUESTIONS["yf_index"], now_ms, limit_s=PATIENT_S)
    assert {one.path for one in fakemarket.requests("yahoo")} == {"/v8/finance/chart/^KS11"}
    fakemarket.fault("yahoo", "401", match="chart", times=1)
    assert len(source.fetch(QUESTIONS["yf_index"], now_ms, limit_s=PATIENT_S).bars) > 20
    assert "crumb" in fakemarket.requests("yahoo", "chart")[-1].params


def test_a_block_page_is_one_also_where_yahoo_s_client_has_no_curl(
    fakemarket: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YF_DISABLE_CURL_CFFI", "1")
    fakemarket.fault("yahoo", "block200")
    with pytest.raises(ExternalDataUnavailable) as refusal:
        hurried("yf_index").fetch(QUESTIONS["yf_index"], int(time.time() * 1000), limit_s=PATIENT_S)
    assert refusal.value.kind == "blocked" and len(fakemarket.requests("yahoo", "?")) == 1


@pytest.mark.torture
@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_slow_server_at_our_own_client_with_the_shipped_limits_is_a_timeout_within_a_minute(
    fakemarket: FakeMarket, tmp_path: Path, fault: str
) -> None:
    fakemarket.fault("bitfinex", fault)
    states, began = ProviderStates(tmp_path / "s", locks=tmp_path / "l"), time.monotonic()
    with pytest.raises(ExternalDataUnavailable, match="timeout"):
        ask(provider("bitfinex"), QUESTIONS["bitfinex"], states=states, budget=retry_budget())
    assert time.monotonic() - began < 60


@pytest.mark.torture
@pytest.mark.parametrize("form", ["20", "date+20"])
@pytest.mark.parametrize("name", [*PACKAGE, "bitfinex"])
def test_retry_after_is_met_within_a_second_by_the_real_clients_too(
    fakemarket: FakeMarket, tmp_path: Path, name: str, form: str
) -> None:
    """As seconds, counted from the refusal; as a date, which is a whole second by the provider's clock.

    Never early. On a machine that is busy with other work, starting a client may take more than the second.
    """
    source = ready(name)
    fakemarket.fault(SERVED_BY[name], "429", retry_after=form, times=1)
    states = ProviderStates(tmp_path / "s", locks=tmp_path / "l")
    assert len(ask(source, QUESTIONS[name], states=states, budget=retry_budget(budget_s=300)).bars)
    served = fakemarket.requests(SERVED_BY[name])
    (refused,) = (one for one in served if one.status == 429)
    due_s = refused.at_s + 20 if form == "20" else parsedate_to_datetime(refused.retry_after).timestamp()
    late_s = min(one.at_s for one in served if one.at_s > refused.at_s) - due_s
    print(f"\n{name}, Retry-After {refused.retry_after}: met {late_s:+.3f} s after it")
    assert 0.0 <= late_s <= 1.0
