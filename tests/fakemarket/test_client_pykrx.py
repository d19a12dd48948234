"""Unmodified pykrx against fakemarket's KRX and Naver: login, right bars, and its known ways of failing."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.fakemarket import oracle
from tests.fakemarket.clients import Case, need, run_cases
from tests.fakemarket.server import FakeMarket

# Without credentials at import, so that every fork logs in for itself.
IMPORTS = """
import os, contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    from pykrx import stock
os.environ["KRX_ID"], os.environ["KRX_PW"] = "fake-user", "fake-password"
def table(frame):
    return [[str(at)[:10]] + [float(value) for value in row[:5]] for at, row in zip(frame.index, frame.values)]
"""
INDEX = 'rows = table(stock.get_index_ohlcv("20261026", "20261030", "1001"))'
RAW = 'rows = table(stock.get_market_ohlcv("20180502", "20180508", "005930", adjusted=False))'
NAVER = 'rows = table(stock.get_market_ohlcv("20261026", "20261030", "005930"))'
WEEK = [dt.date(2026, 10, day) for day in range(26, 31)]
DATA = "getJsonData"


@pytest.fixture(autouse=True)
def installed() -> None:
    need("pykrx")


def test_index_raw_and_adjusted_bars_are_right(fakemarket: FakeMarket, client_env: dict[str, str]) -> None:
    told = run_cases(
        fakemarket, client_env, IMPORTS, {"index": Case(code=INDEX), "raw": Case(code=RAW), "naver": Case(code=NAVER)}
    )
    assert told["index"].rows == [[str(day), *oracle.session_bar("KOSPI", day)] for day in WEEK]
    assert told["naver"].rows == [[str(day), *oracle.session_bar("005930", day)] for day in WEEK]
    halved = {dt.date(2018, 5, 2): 50, dt.date(2018, 5, 3): 50, dt.date(2018, 5, 4): 1, dt.date(2018, 5, 8): 1}
    assert told["raw"].rows == [[str(day), *oracle.session_bar("005930", day, ratio)] for day, ratio in halved.items()]


def test_the_password_in_the_environment_logs_in_at_import(fakemarket: FakeMarket, client_env: dict[str, str]) -> None:
    env = client_env | {"KRX_ID": "fake-user", "KRX_PW": "fake-password"}
    run_cases(fakemarket, env, "from pykrx import stock", {"nothing": Case(code="rows = []")})
    assert [one.method for one in fakemarket.requests("krx", "MDCCOMS001D1")] == ["POST"]


def test_an_expired_password_and_no_password_end_in_the_same_keyerror(
    fakemarket: FakeMarket, client_env: dict[str, str]
) -> None:
    fakemarket.krx.login_code = "CD010"
    cases = {"expired": Case(code=INDEX), "none": Case(code='del os.environ["KRX_ID"]; ' + INDEX)}
    told = run_cases(fakemarket, client_env, IMPORTS, cases)
    assert {name: (outcome.error, outcome.text) for name, outcome in told.items()} == dict.fromkeys(
        cases, ("KeyError", "'지수명'")
    )
    assert {one.status for one in fakemarket.requests("krx", DATA)} == {400}


def test_the_faults_look_as_they_do_outside(fakemarket: FakeMarket, client_env: dict[str, str]) -> None:
    """WIRE.md §1.5, column pykrx: the index calls end in a KeyError, the stock calls in an empty frame."""
    quiet = ["429", "503", "html", "empty", "null", "renamed", "login", "block200"]
    cases = {}
    for kind in [*quiet, "reset", "short_body"]:
        fault: dict[str, object] = {"provider": "krx", "kind": kind, "match": DATA}
        cases[f"index {kind}"] = Case(code=INDEX, fault=fault)
        cases[f"stock {kind}"] = Case(code=RAW, fault=fault)
    cases["hang"] = Case(code=INDEX, fault={"provider": "krx", "kind": "hang", "match": DATA}, limit_s=3)
    told = run_cases(fakemarket, client_env, IMPORTS, cases)
    assert {kind: (told[f"index {kind}"].error, told[f"stock {kind}"].rows) for kind in quiet} == dict.fromkeys(
        quiet, ("KeyError", [])
    )
    for kind in ("reset", "short_body"):
        assert "RequestException" in told[f"index {kind}"].bases, told[f"index {kind}"]
    assert told["hang"].hung
