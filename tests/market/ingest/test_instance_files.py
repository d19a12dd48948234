"""Files of instances: two about one series are one series, as the seed's backfill and gap-repair files were."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.ingest import instances
from utils.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    made = tmp_path / "xdg/nightdesk/instances"
    made.mkdir(parents=True)
    return made


def test_a_backfill_and_a_gap_repair_file_are_one_series_with_what_each_of_them_says(folder: Path) -> None:
    series = "CT_SYMBOL=BTCUSD\nCT_TIMEFRAME=1m\n"
    (folder / "bitfinex-backfill-BTCUSD-1m.env").write_text(series)
    (folder / "bitfinex-gap-repair-BTCUSD-1m.env").write_text(series + "CT_LOOKBACK_DAYS=30\n")
    (folder / "ETHUSD-1m.env").write_text("")
    found = instances.load_all()
    assert [(each.name, each.lookback_days) for each in found] == [("BTCUSD-1m", 30.0), ("ETHUSD-1m", 3.0)]
    for name in ("BTCUSD-1m", "bitfinex-backfill-BTCUSD-1m"):
        assert instances.by_name(name) == found[0]


def test_of_two_files_that_disagree_the_first_counts(folder: Path) -> None:
    (folder / "BTCUSD-1m.env").write_text("CT_LOOKBACK_DAYS=5\n")
    (folder / "a.env").write_text("CT_SYMBOL=BTCUSD\nCT_TIMEFRAME=1m\nCT_LOOKBACK_DAYS=7\nCT_GAP_REPAIR=0\n")
    assert [(each.lookback_days, each.gap_repair) for each in instances.load_all()] == [(5.0, False)]


def test_one_symbol_of_two_exchanges_is_two_series(folder: Path) -> None:
    (folder / "BTCUSD-1m.env").write_text("")
    (folder / "k.env").write_text("CT_EXCHANGE=KRAKEN\nCT_SYMBOL=BTCUSD\nCT_TIMEFRAME=1m\n")
    assert [each.exchange for each in instances.load_all()] == ["BITFINEX", "KRAKEN"]


@pytest.mark.usefixtures("folder")
def test_the_exchange_is_in_the_name_so_that_a_symbol_of_two_exchanges_has_two_files() -> None:
    for exchange in ("YAHOO", "ALPACA"):
        instances.save(
            instances.Instance(exchange=exchange, symbol="SPY", timeframe="1d", lookback_days=20, gap_repair=True)
        )
    assert [each.name for each in instances.load_all()] == ["ALPACA-SPY-1d", "YAHOO-SPY-1d"]
    assert instances.by_name("YAHOO-SPY-1d").exchange == "YAHOO"
    with pytest.raises(UsageError, match="which of ALPACA-SPY-1d, YAHOO-SPY-1d"):
        instances.by_name("SPY-1d")


def test_a_name_alone_says_exchange_symbol_and_timeframe(folder: Path) -> None:
    (folder / "YAHOO_COIN-BTC-USD-1h.env").write_text("CT_LOOKBACK_DAYS=9\n")
    one = instances.by_name("YAHOO_COIN-BTC-USD-1h")
    assert (one.exchange, one.symbol, one.timeframe, one.lookback_days) == ("YAHOO_COIN", "BTC-USD", "1h", 9.0)
    bare = instances.by_name("ALPACA-SPY-1d")
    assert (bare.exchange, bare.symbol, bare.timeframe) == ("ALPACA", "SPY", "1d")


def test_a_file_under_an_older_name_is_read_and_keeps_its_name(folder: Path) -> None:
    (folder / "SPY-1d.env").write_text("CT_EXCHANGE=YAHOO\nCT_SYMBOL=SPY\nCT_TIMEFRAME=1d\n")
    (one,) = instances.load_all()
    assert (one.name, one.exchange) == ("SPY-1d", "YAHOO")
    assert instances.by_name("YAHOO-SPY-1d") == instances.by_name("SPY-1d") == one
    assert instances.save(one).name == "SPY-1d.env"
