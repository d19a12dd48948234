"""Folder names for symbols: safe, reversible, apart on any disk."""

from __future__ import annotations

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyjobs.market.store.names import folder_name, symbol_of
from utils.errors import BadDataError

SYMBOLS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=16)


@pytest.mark.parametrize(
    ("symbol", "folder"),
    [
        ("005930", "005930"),
        ("BTCUSD", "BTCUSD"),
        ("BTC/USD", "BTC%2FUSD"),
        ("F:US500", "F%3AUS500"),
        ("^KS11", "%5EKS11"),
        ("S&P 500", "S%26P%20500"),
        ("BRK.B", "BRK.B"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("A.", "A%2E"),
        ("100%", "100%25"),
        ("tBTC", "%74BTC"),
        ("CON", "%43ON"),
        ("CON.DE", "%43ON.DE"),
        ("COM1", "%43OM1"),
        ("삼성", "%EC%82%BC%EC%84%B1"),
        ("A\nB", "A%0AB"),
    ],
)
def test_known_symbols_map_to_these_folders_and_back(symbol: str, folder: str) -> None:
    assert folder_name(symbol) == folder
    assert symbol_of(folder) == symbol


@given(SYMBOLS)
@example("~")
@example("%2F")
def test_every_symbol_comes_back_from_a_safe_folder_name(symbol: str) -> None:
    name = folder_name(symbol)
    assert symbol_of(name) == symbol
    assert name == os.path.basename(name)  # noqa: PTH119  # the question is the operating system's own notion
    assert name not in (".", "..")
    assert name.isascii() and name.isprintable()
    assert name[-1] not in ". "


@given(SYMBOLS, SYMBOLS)
@example("kPEPE", "KPEPE")
@example("ß", "SS")
def test_two_symbols_stay_apart_on_a_disk_that_ignores_case(one: str, other: str) -> None:
    assert one == other or folder_name(one).casefold() != folder_name(other).casefold()


@pytest.mark.parametrize("folder", ["@eaDir", "btc", "A%2f", "%41", "A%ZZ", "%FF", ""])
def test_a_folder_that_we_did_not_make_is_no_symbol(folder: str) -> None:
    assert symbol_of(folder) is None


@pytest.mark.parametrize("symbol", ["", "A" * 201, "\ud800"])
def test_an_empty_endless_or_broken_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(BadDataError, match="symbol"):
        folder_name(symbol)
