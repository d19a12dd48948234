"""Unmodified yfinance against fakemarket: right bars by environment alone, and its known ways of failing."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.fakemarket import oracle
from tests.fakemarket.bars import day_ms
from tests.fakemarket.clients import Case, run_cases
from tests.fakemarket.server import FakeMarket

IMPORTS = """
import tempfile, yfinance as yf
def cold():
    yf.set_tz_cache_location(tempfile.mkdtemp())
def table(frame):
    return [[str(at)] + [float(value) for value in row] for at, row in
            zip(frame.index, frame[["Open", "High", "Low", "Close", "Volume"]].values)]
"""
HISTORY = 'cold(); rows = table(yf.Ticker("^KS11").history(start="2026-10-26", end="2026-10-31"))'
WEEK = [dt.date(2026, 10, day) for day in range(26, 31)]


@pytest.mark.parametrize("transport", ["curl_cffi", "requests"])
def test_daily_bars_are_right_and_a_cold_start_takes_four_requests(
    fakemarket: FakeMarket, client_env: dict[str, str], transport: str
) -> None:
    env = client_env | ({"YF_DISABLE_CURL_CFFI": "1"} if transport == "requests" else {})
    outcome = run_cases(fakemarket, env, IMPORTS, {"good": Case(code=HISTORY)})["good"]
    assert outcome.rows == [[f"{day} 00:00:00+09:00", *oracle.session_bar("KOSPI", day)] for day in WEEK]
    assert [(one.host, one.path) for one in fakemarket.requests()] == [
        ("fc.yahoo.com", "/"),
        ("query1.finance.yahoo.com", "/v1/test/getcrumb"),
        ("query2.finance.yahoo.com", "/v8/finance/chart/^KS11"),
        ("query2.finance.yahoo.com", "/v8/finance/chart/^KS11"),
    ]
    assert fakemarket.requests()[2].params == {"range": "1d", "interval": "1d", "crumb": "fake.crumb1"}


def test_minutes_adjustments_and_splits_are_right(fakemarket: FakeMarket, client_env: dict[str, str]) -> None:
    fakemarket.clock.set(day_ms(dt.date(2026, 11, 20)) + 4 * 3_600_000)
    minutes = 'rows = table(yf.Ticker("AAPL").history(start="2026-11-19", end="2026-11-20", interval="1m")[:2])'
    adjusted = 'rows = table(yf.Ticker("AAPL").history(start="2026-11-06", end="2026-11-07"))'
    split = """
found = yf.Ticker("AAPL").history(start="2020-08-26", end="2020-09-03", auto_adjust=False)["Stock Splits"]
rows = {str(at)[:10]: float(value) for at, value in found.items() if value}"""
    cases = {"minutes": Case(code=minutes), "adjusted": Case(code=adjusted), "split": Case(code=split)}
    told = run_cases(fakemarket, client_env, IMPORTS, cases)
    opening = day_ms(dt.date(2026, 11, 19)) + 14 * 3_600_000 + 30 * 60_000
    assert [row[1:] for row in told["minutes"].rows] == [
        oracle.bar("AAPL", opening, 1),
        oracle.bar("AAPL", opening + 60_000, 1),
    ]
    before = oracle.session_bar("AAPL", dt.date(2026, 11, 6))  # the day before 0.26 a share were paid
    assert told["adjusted"].rows[0][4] == pytest.approx(before[3] - 0.26, rel=1e-5)
    assert told["split"].rows == {"2020-08-31": 4.0}


def test_the_faults_look_as_they_do_outside(fakemarket: FakeMarket, client_env: dict[str, str]) -> None:
    """WIRE.md §1.5, column yfinance: only 429 is an error, everything else is an empty frame and no error."""
    quiet = ["503", "html", "empty", "reset", "short_body", "cut_json", "login", "block403"]
    chart: dict[str, object] = {"provider": "yahoo", "match": "/v8/finance/chart"}
    cases = {kind: Case(code=HISTORY, fault=chart | {"kind": kind}) for kind in quiet}
    cases["429"] = Case(code=HISTORY, fault=chart | {"kind": "429", "retry_after": "7"})
    short = 'cold(); rows = table(yf.Ticker("SPY").history(period="5d", timeout=1))'
    cases["hang"] = Case(code=short, fault=chart | {"kind": "hang", "after": 1})  # the time zone call waits 10 s
    told = run_cases(fakemarket, client_env, IMPORTS, cases)
    assert told["429"].error == "YFRateLimitError"
    quiet.append("hang")
    assert {kind: (told[kind].rows, told[kind].error) for kind in quiet} == dict.fromkeys(quiet, ([], ""))
    assert fakemarket.requests("unknown") == []  # nothing else was asked for


def test_a_lasting_503_costs_fourteen_requests_and_ends_in_a_json_error(
    fakemarket: FakeMarket, client_env: dict[str, str]
) -> None:
    """It falls through to summary, quote and fundamentals; where those are pages too, their parser is what fails."""
    fault: dict[str, object] = {"provider": "yahoo", "kind": "503", "match": "finance"}
    told = run_cases(fakemarket, client_env, IMPORTS, {"503": Case(code=HISTORY, fault=fault)})
    assert len(fakemarket.requests("yahoo")) == 14
    assert told["503"].error == "JSONDecodeError"
