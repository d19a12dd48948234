"""A series is labelled with what is worked into its prices, as the answers showed: the verbs against fakemarket."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pyjobs.gap_repair import main as gap_repair
from pyjobs.ingest import main as ingest
from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.desk_file import load_desk
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.ingest_verbs import World
from utils.errors import ConfigError
from utils.run import run

FRIDAY_S = 1_795_215_600  # 2026-11-20T23:00Z, two hours after New York's close
DESK = """\
name: hours
market: XNYS
dumps: dumps
accounts:
  usd: {currency: USD, cash: 100000, max_positions: 4, max_weight: 0.25}
setups:
  breakout_20: {window: 20}
universe:
  - {exchange: YAHOO, symbols: [SPY], timeframe: %s}
"""


@pytest.fixture
def world(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(fakemarket, tmp_path, monkeypatch)
    made.at(FRIDAY_S)
    return made


def spy(timeframe: str, *flags: str) -> list[str]:
    return ["--exchange", "YAHOO", "--symbol", "SPY", "--timeframe", timeframe, *flags]


def label(world: World, timeframe: str) -> str:
    about = world.store.provenance(SeriesKey(exchange="YAHOO", symbol="SPY", timeframe=timeframe))
    assert about is not None
    return about.adjusted


def test_yahoos_days_have_dividends_worked_in_and_its_hours_splits_alone(world: World) -> None:
    world.fake.market.dividend("SPY", dt.date(2026, 11, 19), 4.0)
    for timeframe in ("1d", "1h"):
        assert run(ingest, spy(timeframe, "--start", "2026-11-10")) == 0
    assert (label(world, "1d"), label(world, "1h")) == ("adjusted", "split")
    closes = {}
    for timeframe, close_ms in (("1d", 1_794_949_200_000), ("1h", 1_794_949_200_000)):  # 2026-11-17T21:00Z
        key = SeriesKey(exchange="YAHOO", symbol="SPY", timeframe=timeframe)
        closes[timeframe] = float(world.store.read(key, end_ms=close_ms + 1_800_000).close[-1])
    assert closes["1d"] < 0.995 * closes["1h"]  # four dollars of about four hundred


def test_hours_that_were_called_adjusted_before_go_on(world: World) -> None:
    key = SeriesKey(exchange="YAHOO", symbol="SPY", timeframe="1h")
    assert run(ingest, spy("1h", "--start", "2026-11-10", "--end", "2026-11-18")) == 0
    held, about = world.store.read(key), world.store.provenance(key)
    assert about is not None
    for path in world.store.partitions(key):
        path.unlink()
    world.store.write(
        key, held, provider=about.provider, fetched_at_ms=about.fetched_at_ms, adjusted="adjusted", last_final=True
    )
    assert label(world, "1h") == "split"
    assert run(ingest, spy("1h", "--resume")) == 0
    assert world.store.read(key).last_ms > held.last_ms


def test_days_without_adjusted_closes_are_refused_for_a_change_of_the_provider(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.fake.fault("yahoo", "unadjusted")
    assert run(ingest, spy("1d", "--start", "2026-11-10")) == 69
    assert "the days come without adjusted closes" in capsys.readouterr().err
    assert run(ingest, spy("1h", "--start", "2026-11-17")) == 0


@pytest.mark.parametrize(("timeframe", "prices"), [("1d", "adjusted"), ("1h", "split")])
def test_a_desk_takes_what_the_bars_of_its_timeframe_are_and_refuses_another_word(
    world: World, timeframe: str, prices: str
) -> None:
    path = world.home / "desk.yaml"
    path.write_text(DESK % timeframe)
    assert load_desk(path).instruments[0].prices == prices
    path.write_text((DESK % timeframe).replace("1h}", "1h, prices: adjusted}").replace("1d}", "1d, prices: raw}"))
    with pytest.raises(ConfigError, match=f"YAHOO has {prices} prices"):
        load_desk(path)


def test_a_row_that_cannot_be_true_is_left_out_and_named_and_the_others_are_stored(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.fake.fault("yahoo", "untrue_row")
    assert run(ingest, spy("1h", "--start", "2026-11-18")) == 0
    told = capsys.readouterr().out
    assert "; 1 row of the provider cannot be true, left out: that of 2026-11-18 16:30 UTC" in told
    key = SeriesKey(exchange="YAHOO", symbol="SPY", timeframe="1h")
    assert len(world.store.read(key)) == 3 * 7 - 1
    world.fake.script.clear()
    world.at(FRIDAY_S + 3_600 + 60)
    assert run(gap_repair, spy("1h")) == 0  # an hour later it is asked for again
    assert len(world.store.read(key)) == 3 * 7
