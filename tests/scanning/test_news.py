"""A signal is news once; what has gone is printed once; a clock that ran ahead makes nobody believe the future."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyjobs.scanning import news
from pyjobs.scanning.news import ScanState

TEN, MINUTE = 1_795_000_000_000, 60_000


def signal(symbol: str = "AAPL", ts_ms: int = TEN + 3_600_000) -> dict[str, Any]:
    about = {"exchange": "YAHOO", "symbol": symbol, "timeframe": "1d", "setup": "ma_cross", "side": "long"}
    return {**about, "ts_ms": ts_ms, "close": 100.0, "stop": None}


def scanned(state: ScanState, at_ms: int, *found: dict[str, Any], looked_at: str = "YAHOO:AAPL:1d") -> tuple[Any, Any]:
    gone = news.compare(state, list(found), {looked_at}, at_ms)
    return [each["news"] for each in found], [each["symbol"] for each in gone]


def test_a_signal_is_new_once_then_since_then_gone_once_then_again() -> None:
    state = ScanState()
    assert scanned(state, TEN, signal()) == (["new"], [])
    assert scanned(state, TEN + 5 * MINUTE, signal()) == (["since"], [])
    assert scanned(state, TEN + 10 * MINUTE) == ([], ["AAPL"])
    assert scanned(state, TEN + 15 * MINUTE) == ([], [])
    back = signal()
    assert scanned(state, TEN + 20 * MINUTE, back) == (["again"], [])
    assert back["first_ms"] == TEN


def test_the_same_setup_at_the_next_bar_is_another_signal_and_the_old_one_is_gone() -> None:
    state = ScanState()
    scanned(state, TEN, signal())
    assert scanned(state, TEN + 86_400_000, signal(ts_ms=TEN + 90_000_000)) == (["new"], ["AAPL"])


def test_of_a_symbol_without_a_price_nothing_is_said_to_be_gone() -> None:
    state = ScanState()
    scanned(state, TEN, signal())
    assert scanned(state, TEN + 5 * MINUTE, looked_at="YAHOO:MSFT:1d") == ([], [])
    assert scanned(state, TEN + 10 * MINUTE, signal()) == (["since"], [])


def test_a_symbol_with_a_colon_in_it_comes_back_whole() -> None:
    parts = news.parts_of(news.name_of({**signal("DOGE:USD"), "exchange": "BITFINEX"}))
    assert (parts["exchange"], parts["symbol"], parts["timeframe"]) == ("BITFINEX", "DOGE:USD", "1d")


def test_what_is_kept_outlives_the_process_and_old_signals_go_after_a_week(tmp_path: Path) -> None:
    path, state = tmp_path / "scan" / "mine.json", ScanState()
    scanned(state, TEN, signal())
    scanned(state, TEN + MINUTE)
    news.save(path, state)
    kept, doubt = news.load(path, TEN + MINUTE)
    assert doubt == "" and len(kept.signals) == 1
    scanned(kept, TEN + 9 * 86_400_000)
    assert kept.signals == {}


@pytest.mark.parametrize(
    ("content", "at_ms", "said"),
    [
        (b"{ torn", TEN, "cannot be read"),
        (b'{"scanned_ms": 1795999999999}', TEN, "is the clock right?"),
        (b"[]", TEN, "cannot be read"),
    ],
)
def test_a_damaged_file_or_one_from_the_future_is_said_and_not_used(
    tmp_path: Path, content: bytes, at_ms: int, said: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    state, doubt = news.load(path, at_ms)
    assert state == ScanState() and said in doubt and str(path) in doubt
