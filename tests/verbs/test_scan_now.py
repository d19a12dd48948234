"""The scanner while a market is open: prices of now, news once, nothing provisional stored, every trouble reported."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakemarket.server import FakeMarket
from tests.support.verb_process import run_verb

ROOT = Path(__file__).resolve().parents[2]
DESK = """
name: two
market: XNYS
session: last_closed
accounts:
  usd: {currency: USD, cash: 100000, max_positions: 5, max_weight: 0.2}
setups:
  always: {}
instruments: []
universe:
  - {exchange: YAHOO, symbols: [AAPL, MSFT, QQQ], timeframe: 1d}
  - {exchange: YAHOO_KR, symbols: ["005930.KS"], timeframe: 1d, role: watch}
"""
Scan = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def scan(client_env: dict[str, str], fakemarket: FakeMarket, tmp_path: Path) -> Scan:
    desk = tmp_path / "desk.yaml"
    desk.write_text(DESK.replace("always: {}", "breakout_20: {window: 2}"))

    def at(time: str, verb: str = "scan", **env: str) -> subprocess.CompletedProcess[str]:
        now_s = int(dt.datetime.fromisoformat(time).timestamp())
        fakemarket.clock.set(now_s * 1000)
        told = {"NIGHTDESK_HOME": str(tmp_path), "NIGHTDESK_NOW": str(now_s), "RETRY_BUDGET_S": "1", **env}
        return run_verb(verb, "--desk", desk, env={**client_env, **told})

    fetched = at("2026-11-23T12:00+00:00", "fetch")
    assert fetched.returncode == 0, fetched.stderr
    return at


def page(home: Path, name: str) -> list[list[str]]:
    text = (home / "reports" / f"scan_{name}.md").read_text(encoding="utf-8")
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]


def test_at_half_past_ten_every_price_is_of_half_past_ten_and_provisional(
    scan: Scan, fakemarket: FakeMarket, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in (tmp_path / "data/raw").rglob("*.parquet")}
    done = scan("2026-11-23T15:30+00:00")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row[0]: row for row in page(tmp_path, "2026-11-23") if len(row) == 10}
    day = fakemarket.market.daily(_instrument("AAPL"), dt.date(2026, 11, 23), dt.date(2026, 11, 23))
    assert float(rows["AAPL"][3].replace(",", "")) == pytest.approx(day.ohlc[-1, 3], abs=0.006)
    assert {tuple(rows[symbol][5:7]) for symbol in ("AAPL", "MSFT", "QQQ")} == {
        ("2026-11-23 10:30 UTC-5", "provisional")
    }
    assert "005930.KS" not in rows and "XKRX is closed" in done.stdout
    assert before == {path: path.read_bytes() for path in (tmp_path / "data/raw").rglob("*.parquet")}
    kept = json.loads((tmp_path / "data/scan/two.json").read_text())
    assert set(kept["bars"]) == {"YAHOO:AAPL:1d", "YAHOO:MSFT:1d", "YAHOO:QQQ:1d"}


def test_the_open_one_of_two_markets_is_scanned(scan: Scan) -> None:
    done = scan("2026-11-24T02:00+00:00")  # eleven in Seoul
    assert done.returncode == 0, done.stdout + done.stderr
    assert "XNYS is closed (its last session: 2026-11-23; opens 2026-11-24 09:30 UTC-5): not scanned" in done.stdout
    assert "(XKRX): 1 instrument" in done.stdout


def test_a_second_scan_with_no_news_is_one_line(scan: Scan) -> None:
    scan("2026-11-23T15:30+00:00")
    again = scan("2026-11-23T15:30+00:00")
    lines = [line for line in again.stdout.splitlines() if "closed" not in line]
    assert len(lines) == 1 and "new" not in lines[0].replace("newest", ""), again.stdout


def test_one_request_for_all_quotes(scan: Scan, fakemarket: FakeMarket) -> None:
    since = len(fakemarket.requests("yahoo"))
    scan("2026-11-23T15:30+00:00")
    asked = fakemarket.requests("yahoo")[since:]
    assert len([one for one in asked if "/v7/finance/quote" in one.path]) == 1
    assert not [one for one in asked if "/v8/finance/chart" in one.path]  # every bar that has closed is here


def test_after_the_close_the_scan_is_of_the_session_as_ever(scan: Scan) -> None:
    done = scan("2026-11-23T22:00+00:00")
    assert "scan of 2026-11-23" in done.stdout


def test_without_the_network_it_says_how_old_its_prices_are(scan: Scan, fakemarket: FakeMarket) -> None:
    since = len(fakemarket.requests())
    done = scan("2026-11-23T15:30+00:00", ALLOW_NET_FETCH="0")
    assert done.returncode == 69, done.stderr
    assert "3 no quote; newest price without one: 2026-11-20 16:00 UTC-5" in done.stdout
    assert "ALLOW_NET_FETCH=0" in done.stderr
    assert len(fakemarket.requests()) == since


@pytest.mark.parametrize("kind", ["429", "503", "html"])
def test_an_outage_of_the_quotes_ends_with_69_and_nothing_is_called_gone(
    scan: Scan, fakemarket: FakeMarket, kind: str
) -> None:
    scan("2026-11-23T15:30+00:00")
    fakemarket.fault("yahoo", kind)
    done = scan("2026-11-23T15:35+00:00")
    assert done.returncode == 69, done.stdout + done.stderr
    assert "3 no quote" in done.stdout and "gone" not in done.stdout


def test_a_series_that_lacks_a_session_is_fetched_first(scan: Scan, tmp_path: Path) -> None:
    done = scan("2026-11-24T15:30+00:00")  # nobody fetched on Monday night
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row[0]: row for row in page(tmp_path, "2026-11-24") if len(row) in (9, 10)}
    assert rows["AAPL"][8] == "ok"


def _instrument(name: str):  # type: ignore[no-untyped-def]
    from tests.fakemarket.universe import BY_ID

    return BY_ID[name]
