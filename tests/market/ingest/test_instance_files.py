"""Files of instances: two about one series are one series, as the seed's backfill and gap-repair files were."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.ingest import instances


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
