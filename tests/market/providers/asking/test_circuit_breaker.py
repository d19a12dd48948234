"""A provider that refused is left alone by everybody, for as long as its kind of refusal deserves."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.providers.asking.circuit_breaker import ProviderStates, State, as_line
from pyjobs.market.providers.asking.cooldown import cooldown_after
from pyjobs.market.providers.base import BarRequest, Refused
from pyjobs.market.providers.workers.remote import Ccxt
from utils.errors import ExternalDataUnavailable, ExternalKind

T0 = 1_790_000_000.0


def refused(kind: ExternalKind, retry_after_s: float | None = None) -> Refused:
    return Refused(kind, provider="bitfinex", symbol="BTCUSD", detail="HTTP 4xx", retry_after_s=retry_after_s)


def hold(kind: ExternalKind, failures: int = 1, said: float | None = None, *, repeated: bool = False) -> float:
    return cooldown_after(refused(kind, said), failures, repeated=repeated, jitter=lambda: 1.0)


@pytest.mark.parametrize(
    ("kind", "said", "seconds"),
    [
        ("blocked", None, 86_700.0),
        ("blocked", 60.0, 86_700.0),
        ("blocked", 200_000.0, 200_000.0),
        ("auth", None, 21_600.0),
        ("auth", 0.0, 0.0),
        ("schema", None, 3_600.0),
        ("rate_limit", 7.0, 7.0),
        ("rate_limit", None, 120.0),
        ("outage", 30.0, 30.0),
    ],
)
def test_a_refusal_closes_the_provider_for_what_it_said_or_what_its_kind_deserves(
    kind: ExternalKind, said: float | None, seconds: float
) -> None:
    assert hold(kind, said=said) == seconds


def test_outages_back_off_exponentially_with_full_jitter_and_a_cap() -> None:
    assert [hold("outage", n) for n in (1, 2, 3, 8, 9, 500)] == [2.0, 4.0, 8.0, 256.0, 300.0, 300.0]
    assert cooldown_after(refused("outage"), 8, repeated=True, jitter=lambda: 0.0) == 0.0


def test_a_second_rate_limit_in_a_row_that_says_nothing_is_taken_for_a_ban() -> None:
    assert hold("rate_limit", 2, repeated=True) == 86_700.0


def test_a_rate_limit_right_after_a_short_retry_after_is_no_ban_yet_and_one_after_a_minute_s_rest_is(
    tmp_path: Path,
) -> None:
    states = ProviderStates(tmp_path, locks=tmp_path)
    holds, now_s = [], T0
    for said in (3.0, None, None):
        known = states.failed("bitfinex", refused("rate_limit", said), now_s, lambda: 0.5)
        holds.append(known.cooldown_left_s(now_s))
        now_s = known.blocked_until_s
    assert holds == [3.0, 90.0, 86_700.0]


def test_state_is_shared_through_the_file_and_a_success_clears_it(tmp_path: Path) -> None:
    ProviderStates(tmp_path, locks=tmp_path).failed("bitfinex", refused("rate_limit", 90.0), T0, lambda: 0.5)
    other = ProviderStates(tmp_path, locks=tmp_path)
    known = other.read("bitfinex")
    assert (known.kind, known.failures, known.cooldown_left_s(T0 + 30)) == ("rate_limit", 1, 60.0)
    assert "not asked before" in as_line(known, T0 + 30) and "HTTP 4xx" in as_line(known, T0 + 30)
    other.succeeded("bitfinex", T0 + 100)
    assert other.read("bitfinex") == State(provider="bitfinex", last_ok_s=T0 + 100)


def test_a_clock_that_jumped_back_never_lengthens_a_hold(tmp_path: Path) -> None:
    known = ProviderStates(tmp_path, locks=tmp_path).failed("bitfinex", refused("rate_limit", 90.0), T0, lambda: 0.5)
    assert known.cooldown_left_s(T0 - 1_000_000) == 90.0


def test_a_hold_that_was_written_before_the_clock_was_set_back_counts_from_now_and_ends(tmp_path: Path) -> None:
    states = ProviderStates(tmp_path, locks=tmp_path)
    states.failed("bitfinex", refused("rate_limit", 90.0), T0 + 1_000_000, lambda: 0.5)
    assert [states.current("bitfinex", T0 + at, 1.0).cooldown_left_s(T0 + at) for at in (0, 60, 91)] == [
        90.0,
        30.0,
        0.0,
    ]


def test_a_hold_of_a_clock_that_was_ahead_is_recounted_only_in_one_s_turn(tmp_path: Path) -> None:
    states = ProviderStates(tmp_path, locks=tmp_path)
    ahead = states.failed("bitfinex", refused("rate_limit", 90.0), T0 + 1_000_000, lambda: 0.5)
    with states.turn("bitfinex", 1.0):  # who has it may sweep, and write its answer
        with pytest.raises(ExternalDataUnavailable, match="other jobs asked it"):
            ProviderStates(tmp_path, locks=tmp_path).current("bitfinex", T0, 0.05)
        assert states.read("bitfinex") == ahead
    assert states.current("bitfinex", T0, 0.05).last_failure_s == T0 == states.read("bitfinex").last_failure_s


def test_a_damaged_file_is_written_anew(tmp_path: Path) -> None:
    states = ProviderStates(tmp_path, locks=tmp_path)
    states.path("bitfinex").write_text("{half")
    assert states.read("bitfinex").failures == 0
    assert states.failed("bitfinex", refused("outage"), T0, lambda: 0.5).failures == 1
    assert states.read("bitfinex").failures == 1


def test_reset_forgets_and_says_whether_there_was_anything(tmp_path: Path) -> None:
    states = ProviderStates(tmp_path, locks=tmp_path)
    states.failed("bitfinex", refused("blocked"), T0, lambda: 0.5)
    assert states.reset("bitfinex") and not states.reset("bitfinex")
    assert states.read("bitfinex").cooldown_left_s(T0 + 1) == 0


def test_a_reset_waits_for_its_turn_so_that_who_has_it_does_not_write_the_old_again(tmp_path: Path) -> None:
    states = ProviderStates(tmp_path, locks=tmp_path / "locks")
    known = states.failed("bitfinex", refused("blocked"), T0, lambda: 0.5)
    with states.turn("bitfinex", 1.0):
        with pytest.raises(ExternalDataUnavailable, match="other jobs asked it"):
            ProviderStates(tmp_path, locks=tmp_path / "locks").reset("bitfinex", 0.05)
        assert states.read("bitfinex") == known
    assert states.reset("bitfinex") and not states.path("bitfinex").exists()
    assert not ProviderStates(tmp_path / "none", locks=tmp_path / "no-locks").reset("bitfinex")
    assert not (tmp_path / "no-locks").exists()


@pytest.mark.parametrize("exchange", ["../../elsewhere", "a/b", "*", "[a-z]"])
def test_an_exchange_that_is_none_writes_and_sweeps_nobody_else_s_file(tmp_path: Path, exchange: str) -> None:
    states = ProviderStates(tmp_path / "state", locks=tmp_path / "locks")
    request = BarRequest(symbol=f"{exchange}:BTC/USD", timeframe="1d", start_ms=0, end_ms=1)
    (tmp_path / "state").mkdir()
    (other := tmp_path / "state" / ".b.json.tmp-1-ff").touch()
    with states.turn(rate_limit_group := Ccxt().rate_limit_group(request), 1.0):
        states.failed(rate_limit_group, refused("outage"), T0, lambda: 0.5)
    assert (
        other.exists()
        and states.path(rate_limit_group).parent == tmp_path / "state"
        and states.path(rate_limit_group).is_file()
    )
    assert (
        Ccxt().rate_limit_group(BarRequest(symbol="kraken:BTC/USD", timeframe="1d", start_ms=0, end_ms=1)) == "kraken"
    )


def test_whose_turn_it_is_sweeps_what_a_killed_job_left_of_that_provider(tmp_path: Path) -> None:
    states = ProviderStates(tmp_path, locks=tmp_path / "locks")
    for name in (".bitfinex.json.tmp-1-ff", ".yahoo.json.tmp-2-ff"):
        (tmp_path / name).touch()
    with states.turn("bitfinex", 1.0):
        states.failed("bitfinex", refused("outage"), T0, lambda: 1.0)
    assert {path.name for path in tmp_path.iterdir()} == {"bitfinex.json", ".yahoo.json.tmp-2-ff", "locks"}
