"""What a desk's fetch makes of a symbol that is something else, and of bars that its provider has revised since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyjobs.fetch import main as fetch
from pyjobs.ingest import main as ingest
from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.ingest import instances
from pyjobs.market.ingest.looks import comparison_due
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe.gather import again_ms
from pyjobs.reporting.fetches.bring_up_to_date import mark_published
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.fetching import DAY_S, FRIDAY_S, Home, desk, made_home
from utils.run import run

REVISED_MS = 1_793_577_600_000  # 2026-11-02T00:00Z, the start of a day


@pytest.fixture
def home(
    fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Home:
    return made_home(fakemarket, tmp_path, monkeypatch, capsys, desk(("AAPL", "MSFT", "QQQ"), ("BTCUSD",)))


def test_one_symbol_in_another_currency_is_named_once_and_set_aside(home: Home) -> None:
    home.fake.fault("yahoo", "other_currency", match="AAPL")
    assert home.fetch() == 0
    assert home.missing() == {"AAPL": "misfit"} and not home.report["partial"]
    assert "[news] YAHOO: 1 of 3 misfit: AAPL" in home.said and "AAPL in GBp (pence" in home.said
    asked = home.asked("yahoo", "AAPL")
    assert home.fetch() == 0
    assert home.asked("yahoo", "AAPL") == asked and "[note] YAHOO: 1 of 3 misfit" in home.said


def test_a_share_of_another_market_is_told_so_although_none_of_its_hours_is_one_of_this_market(home: Home) -> None:
    for symbol in ("005930.KS", "AAPL"):
        argv = ["--exchange", "YAHOO", "--symbol", symbol, "--timeframe", "1h", "--start", "2026-11-10"]
        assert run(ingest, argv) == (65 if symbol != "AAPL" else 0)  # and nobody is kept from asking
    told = home.captured.readouterr().err
    assert "traded in Asia/Seoul, and XNYS is in America/New_York: exchange YAHOO_KR fits" in told


def test_where_nothing_of_an_exchange_fits_it_is_the_desk_that_is_wrong(home: Home) -> None:
    home.fake.fault("yahoo", "other_currency")
    assert home.fetch() == 65
    assert set(home.missing().values()) == {"bad_data"} and len(home.missing()) == 3


def test_an_evening_without_the_bars_of_those_that_fit_is_early_and_not_wrong(home: Home) -> None:
    home.fake.fault("yahoo", "other_currency", match="AAPL")
    assert home.fetch() == 0
    monday_s = FRIDAY_S + 3 * DAY_S
    home.at(monday_s, providers_s=FRIDAY_S)
    asked = home.asked("yahoo", "AAPL")
    assert home.fetch() == 2, home.problem
    assert home.asked("yahoo", "AAPL") == asked + 1, "its pause is over"
    assert home.missing()["AAPL"] == "misfit" and home.missing()["MSFT"] == "late"


def test_a_share_whose_stored_bars_wait_for_another_unit_is_asked_for_every_day_until_it_is_mended(home: Home) -> None:
    home.write(desk(("AAPL", "MSFT"), ()).replace("  - {exchange: BITFINEX, symbols: [], start: 2026-11-01}\n", ""))
    assert home.fetch() == 0
    home.fake.fault("yahoo", "other_unit", match="AAPL")
    for day in (3, 4):
        home.at(FRIDAY_S + day * DAY_S)
        assert home.fetch() == 0 and home.missing() == {"AAPL": "misfit"}
    home.fake.script.clear()
    home.at(FRIDAY_S + 5 * DAY_S)
    assert home.fetch() == 0 and home.missing() == {}


def test_an_ingest_of_all_sets_it_aside_as_well(home: Home) -> None:
    for symbol in ("AAPL", "MSFT"):
        instances.save(
            instances.Instance(exchange="YAHOO", symbol=symbol, timeframe="1d", lookback_days=9, gap_repair=False)
        )
    home.fake.fault("yahoo", "other_currency", match="AAPL")
    assert run(ingest, ["--all", "--resume"]) == 0
    assert "YAHOO:AAPL:1d: set aside: yf_etf has AAPL in GBp" in home.captured.readouterr().out
    asked = home.asked("yahoo", "AAPL")
    assert run(ingest, ["--all", "--resume"]) == 0 and home.asked("yahoo", "AAPL") == asked
    assert home.days("YAHOO", "MSFT")[-1] == "2026-11-20"


def test_a_raw_bar_that_is_revised_weeks_later_is_corrected_within_a_week_counted_and_named(home: Home) -> None:
    home.write(desk(("AAPL",), ("BTCUSD",)))
    assert home.fetch() == 0
    home.fake.market.revise("BTCUSD", REVISED_MS + DAY_S * 1000 - 60_000, 1.01)  # the last minute of the day
    key = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe="1d")
    nights = [FRIDAY_S + night * DAY_S for night in range(1, 8)]
    due = [at for at in nights if again_ms(key, 0, at * 1000)]
    assert len(due) == 1
    home.at(due[0])
    assert home.fetch() == 0
    which = "BITFINEX:BTCUSD:1d: 1 stored bar revised by the provider: that of 2026-11-03 00:00 UTC"
    assert [(each["revised"], each["told"]) for each in home.report["exchanges"]][-1] == (1, [which])
    assert f"[note] {which}" in home.said


def test_what_the_fetch_of_a_night_found_that_was_never_published_is_found_by_the_next_one_once(home: Home) -> None:
    home.write(desk((), ("BTCUSD",)).replace("  - {exchange: YAHOO, symbols: [], start: 2026-09-01}\n", ""))
    assert home.fetch() == 0
    home.fake.market.revise("BTCUSD", (FRIDAY_S - 23 * 3600 - 2 * DAY_S) * 1000 - 60_000, 1.01)
    which = "BITFINEX:BTCUSD:1d: 1 stored bar revised by the provider: that of 2026-11-18 00:00 UTC"
    nights = []
    for name in (".building-1", ".building-2", ".building-3"):  # the first was killed after its fetch
        home.at(FRIDAY_S + (len(nights) + 1) * DAY_S)
        (home.root / name / "reports").mkdir(parents=True)
        nights.append(home.root / name)
        assert run(fetch, ["--desk", str(home.root / "desk.yaml"), "--out", str(nights[-1])]) == 0
        lines = json.loads((nights[-1] / "reports/fetch.json").read_text())["exchanges"][0]["told"]
        assert lines == [which] * (name != ".building-3")
        if name == ".building-2":
            mark_published(nights[-1], load_desk(home.root / "desk.yaml"))


@pytest.mark.parametrize("night_s", [22 * 3_600, 21 * 3_600 + DAY_S], ids=["Monday to Friday", "Tuesday to Saturday"])
def test_every_series_has_its_turn_on_a_night_of_a_schedule_of_working_days(night_s: int, tmp_path: Path) -> None:
    monday_s = FRIDAY_S // DAY_S * DAY_S - 4 * DAY_S
    nights = [(monday_s + day * DAY_S + night_s) * 1000 for day in range(5)]
    keys = [SeriesKey(exchange="ALPACA", symbol=f"S{number}", timeframe="1d") for number in range(50)]
    assert {sum(again_ms(key, 0, at) > 0 for at in nights) for key in keys} == {1}
    store = BarStore(tmp_path)
    assert {sum(comparison_due(store, key, at, 7 * DAY_S * 1000) for at in nights) for key in keys} == {1}


def test_a_class_of_shares_is_named_as_the_provider_spells_it(home: Home) -> None:
    home.write(desk(("AAPL", "BRK.B"), ("BTCUSD",)))
    assert home.fetch() == 0, home.problem
    assert home.missing() == {"BRK.B": "unknown"}
    assert "a class of shares is written BRK-B here" in home.said
