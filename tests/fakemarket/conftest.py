"""Fixtures and times for looking at fakemarket itself."""

from __future__ import annotations

import datetime as dt

import pytest
import requests

from tests.fakemarket.bars import day_ms
from tests.fakemarket.server import FakeMarket

NOW = day_ms(dt.date(2026, 11, 20)) + 12 * 3_600_000  # a Friday noon in London: Seoul is closed, New York not yet open
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@pytest.fixture(autouse=True)
def standing_clock(request: pytest.FixtureRequest) -> None:
    """No test here depends on the day it runs on: fakemarket's clock stands at NOW."""
    if "fakemarket" in request.fixturenames:
        request.getfixturevalue("fakemarket").clock.set(NOW)


@pytest.fixture
def session(fakemarket: FakeMarket) -> requests.Session:
    """A well-behaved client behind the proxy, at NOW."""
    made = requests.Session()
    made.trust_env = False
    made.proxies, made.verify = {"https": fakemarket.url, "http": fakemarket.url}, str(fakemarket.certificates.ca)
    return made
