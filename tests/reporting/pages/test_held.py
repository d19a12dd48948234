"""The first screen: what is held, what the next open brings, and words that do not promise what figures do not hold."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from pyjobs import report_daily, report_index, report_scan
from pyjobs.market.desk.desk_file import load_desk
from pyjobs.reporting import numbers, setup_figures
from pyjobs.reporting.backtests.walk import kept
from pyjobs.reporting.html import tone_of
from pyjobs.reporting.pages.common import sessions_of_markets
from pyjobs.reporting.pages.held import doubts_of_bars
from pyjobs.reporting.run_files.read_run import read_run
from utils.tables import Column, markdown_table, text_table

HEAD = (
    "next_open,symbol,exchange,timeframe,setup,side,quantity,entry_ts_ms,entry_price,last_ts_ms,last_price,stop,pnl,"
    "return,currency,signal_ts_ms,budget\n"
)
HELD = "hold,AAA,SAMPLE,1d,ma_cross,long,40.0,1794551400000,7000.0,1795156200000,7350.0,6500.0,14000.0,0.05,KRW,,\n"
OUT = "leave,BBB,SAMPLE,1d,ma_cross,short,7.0,1794551400000,900.0,1795156200000,990.0,,-630.0,-0.1,KRW,,\n"
IN = "enter,CCC,SAMPLE,1d,breakout_20,long,,,,,120.5,,,,,1795156200000,25000000.0\n"


def test_the_first_screen_says_what_there_is_to_do_before_what_is_held(full_run: Path, desk_file: Path) -> None:
    (full_run / "portfolio/krw/constrained/positions.csv").write_text(HEAD + HELD + OUT + IN, encoding="utf-8")
    for verb in (report_daily, report_index):
        verb.main(["--desk", str(desk_file), "--session", "2026-11-20", "--out", str(full_run)])
    text = (full_run / "reports/daily.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and "next open" not in line][:4]
    assert [line.split("|")[1].strip() for line in lines[1:]] == ["BBB", "CCC", "AAA"]
    assert "buy back" in lines[1] and "-10.00 %" in lines[1]
    assert "| buy " in lines[2] and "for 25,000,000 KRW" in lines[2]
    assert "| hold " in lines[3] and "+5.00 %" in lines[3] and "7,350" in lines[3]
    assert "Account krw: 2 positions; at the next open 1 to close and 1 to open." in text
    page = (full_run / "index.html").read_text(encoding="utf-8")
    assert page.index("for 25,000,000 KRW") < page.index("Movers")


def test_a_symbol_of_two_exchanges_is_told_with_its_own(full_run: Path, desk_file: Path) -> None:
    (full_run / "portfolio/krw/constrained/positions.csv").write_text(HEAD + HELD + OUT, encoding="utf-8")
    path = full_run / "reports/scan.json"
    scan = json.loads(path.read_text(encoding="utf-8"))
    twin = {**scan["instruments"][0], "exchange": "KRX"}
    old = {**twin, "timeframe": "1h", "status": "stale"}
    path.write_text(json.dumps({**scan, "instruments": [*scan["instruments"], twin, old]}), encoding="utf-8")
    for verb in (report_daily, report_scan):
        verb.main(["--desk", str(desk_file), "--session", "2026-11-20", "--out", str(full_run)])
    pages = [(full_run / f"reports/{name}.md").read_text(encoding="utf-8") for name in ("daily", "scan")]
    assert "| SAMPLE:AAA | hold" in pages[0] and "| BBB        | buy back" in pages[0]
    for text in pages:
        assert "| KRX:AAA " in text and "| SAMPLE:AAA " in text and "| AAA " not in text


def test_positions_that_are_not_there_are_said_to_be_missing(full_run: Path, desk_file: Path) -> None:
    report_daily.main(["--desk", str(desk_file), "--session", "2026-11-20", "--out", str(full_run)])
    text = (full_run / "reports/daily.md").read_text(encoding="utf-8")
    assert "'portfolio/krw/constrained/positions.csv' is not there" in text


def test_the_page_counts_its_own_step_as_the_terminal_does(full_run: Path, desk_file: Path) -> None:
    done = len(json.loads((full_run / "logs/steps.json").read_text())["steps"])
    report_index.main(["--desk", str(desk_file), "--session", "2026-11-20", "--out", str(full_run)])
    assert f"of {done + 1}</b>" in (full_run / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        (231.0, "USD", "231.00"),
        (231.25, "USD", "231.25"),
        (64231.5, "USD", "64,231.50"),
        (6920.0, "KRW", "6,920"),
        (3250.26, "KRW", "3,250.26"),
        (1.08424, "USD", "1.0842"),
    ],
)
def test_prices_of_one_currency_have_the_same_decimals(value: float, currency: str, shown: str) -> None:
    assert numbers.price(value, currency) == shown


def test_enough_trades_is_no_green_ok() -> None:
    assert [setup_figures.enough(each) for each in ("ok", "too few")] == ["enough", "too few"]
    assert tone_of(setup_figures.enough("ok")) == ""


def test_columns_without_a_value_are_left_out_of_every_table() -> None:
    columns = [Column("symbol"), Column("stop", right=True), Column("why"), Column("close", right=True)]
    rows = [["A", "–", "", "1"], ["B", "–", "", "2"]]
    assert text_table(columns, rows).splitlines()[0].split() == ["symbol", "close"]
    assert markdown_table(columns, rows).splitlines()[0].split("|")[1:3] == [" symbol ", " close "]
    assert text_table(columns, []).split() == ["symbol", "stop", "why", "close"]


@pytest.mark.parametrize(
    ("efficiency", "told"),
    [
        (0.42, "42 % of it was kept"),
        (-11.39, "none of it was kept (tests: -1.14)"),
        (7.5, "all of it was kept, and more"),
        (float("nan"), "nothing to compare it with"),
    ],
)
def test_what_a_walk_forward_kept_is_never_a_share_of_a_loss(efficiency: float, told: str) -> None:
    assert kept(cast(Any, SimpleNamespace(efficiency=efficiency, sharpe=-1.139))) == told


def test_the_last_session_of_each_market_is_told_where_there_are_several() -> None:
    newest = [("XKRX", "2026-11-27"), ("XNYS", "2026-11-25"), ("XKRX", "2026-11-26"), ("XNYS", None)]
    told = sessions_of_markets(newest)
    assert told == "Each instrument's last session is its own market's: XKRX 2026-11-27, XNYS 2026-11-25."
    assert sessions_of_markets([("XKRX", "2026-11-27")] * 2) == ""


def test_unconfirmed_bars_are_counted_and_named_on_the_pages(full_run: Path) -> None:
    path = full_run / "reports/data.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["instruments"][0]["unconfirmed_ts_ms"] = 1_795_156_200_000
    path.write_bytes(msgspec.json.encode(data))
    (told,) = [line for line in doubts_of_bars(read_run(full_run)) if "unconfirmed" in line]
    assert told.startswith(f"The newest bar of 1 of {len(data['instruments'])} imported series is unconfirmed")
    assert data["instruments"][0]["symbol"] in told


def test_bars_that_a_provider_may_still_revise_are_named_on_the_pages(full_run: Path) -> None:
    part = {"exchange": "YAHOO", "market": "XNYS", "session": "2026-11-20", "series": 9, "provisional": [*"ABCDEFG"]}
    (full_run / "reports/fetch.json").write_bytes(msgspec.json.encode({"exchanges": [part]}))
    (told,) = [line for line in doubts_of_bars(read_run(full_run)) if "provisional" in line]
    assert told.startswith(
        "The newest bar of 7 of 9 fetched series of YAHOO is provisional (A, B, C, D, E and 2 more): the provider may"
    )


def test_made_up_prices_are_labelled_on_the_sample_and_nowhere_else(desk_file: Path) -> None:
    text = desk_file.read_text(encoding="utf-8").replace("label: made-up prices\n", "")
    desk_file.write_text(text, encoding="utf-8")
    assert load_desk(desk_file).banner == "sample market, made-up prices"
    copied = text.replace("SAMPLE", "KRX").replace("name: hand\n", "name: hand\nlabel: sample market, made-up prices\n")
    desk_file.write_text(copied, encoding="utf-8")
    assert load_desk(desk_file).banner == ""
