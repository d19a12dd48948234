"""Listings: kept with their date, never half a market, and what came and went is reported."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pyjobs.market.desk.listings import Listed, between, newest_two, read_listing, sessions_kept, write_listing
from utils.errors import BadDataError, MissingInputError

FRIDAY, MONDAY, TUESDAY = dt.date(2026, 11, 13), dt.date(2026, 11, 16), dt.date(2026, 11, 17)
TUESDAY_NOON = dt.datetime(2026, 11, 17, 3, tzinfo=dt.UTC).timestamp()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    return tmp_path


def share(number: int, board: str = "KOSPI", name: str = "") -> Listed:
    return Listed(f"{number:06d}", name or f"Share {number}", board, 1000.5, 2e9, 5e6)


def test_a_listing_comes_back_as_it_was_written(home: Path) -> None:
    halted = Listed("000660", "SK, 하이닉스", "KOSPI", float("nan"), 0.0, 7.0)
    path = write_listing("KRX", FRIDAY, [share(1), halted])
    assert path == home / "data/listings/KRX/2026-11-13.csv"
    assert path.read_text().splitlines() == [
        "symbol,name,board,close,turnover,shares,first_seen",
        "000001,Share 1,KOSPI,1000.5,2000000000,5000000,",
        '000660,"SK, 하이닉스",KOSPI,nan,0,7,',
    ]
    first, second = read_listing("KRX", FRIDAY).rows
    assert first == share(1)
    assert (second.symbol, second.name, str(second.close), second.turnover) == ("000660", "SK, 하이닉스", "nan", 0.0)


def test_the_two_newest_listings_are_not_of_a_day_to_come_and_tell_what_came_went_and_changed_its_name() -> None:
    write_listing("KRX", FRIDAY, [share(1), share(2), share(3)])
    assert newest_two("KRX", market="XKRX", now_s=TUESDAY_NOON) is None
    write_listing("KRX", MONDAY, [share(1), share(3, name="Newname"), share(4, "KOSDAQ")])
    write_listing("KRX", dt.date(2026, 11, 18), [share(9), share(8)], shrunk=True)  # to come
    two = newest_two("KRX", market="XKRX", now_s=TUESDAY_NOON)
    assert two is not None and [each.session for each in two] == [FRIDAY, MONDAY]
    found = between(*two)
    assert [each.symbol for each in found.came] == ["000004"] and [each.symbol for each in found.went] == ["000002"]
    assert [(old.name, new.name) for old, new in found.renamed] == [("Share 3", "Newname")]


def test_first_seen_is_kept_from_listing_to_listing() -> None:
    write_listing("KRX", FRIDAY, [share(1)])
    write_listing("KRX", MONDAY, [share(1), share(2)])
    write_listing("KRX", TUESDAY, [share(2), share(1), share(3)])
    assert [each.first_seen for each in read_listing("KRX", TUESDAY).rows] == ["2026-11-16", "", "2026-11-17"]


def test_half_a_market_does_not_go_overnight() -> None:
    whole = [*(share(n) for n in range(6)), *(share(n, "KOSDAQ") for n in range(6, 10))]
    write_listing("KRX", FRIDAY, whole)
    with pytest.raises(BadDataError, match="the listing of 2026-11-16 has 5 shares, that of 2026-11-13 had 10"):
        write_listing("KRX", MONDAY, whole[:5])
    with pytest.raises(BadDataError, match="has 2 shares of KOSDAQ, that of 2026-11-13 had 4"):
        write_listing("KRX", MONDAY, whole[:8])
    with pytest.raises(BadDataError, match="the listing of 2026-11-16 is empty"):
        write_listing("KRX", MONDAY, [], shrunk=True)
    with pytest.raises(BadDataError, match="1 symbols are twice"):
        write_listing("KRX", MONDAY, [*whole, whole[0]])
    assert sessions_kept("KRX") == [FRIDAY]
    write_listing("KRX", MONDAY, whole[:5], shrunk=True)
    assert len(read_listing("KRX", MONDAY).rows) == 5


def test_a_damaged_listing_is_named_with_its_line() -> None:
    path = write_listing("KRX", FRIDAY, [share(1), share(2)])
    path.write_text(path.read_text().replace("1000.5,2000000000,5000000,\n000002", "1000.5\n000002"))
    with pytest.raises(BadDataError, match=r"2026-11-13.csv:2: not enough values"):
        read_listing("KRX", FRIDAY)
    with pytest.raises(MissingInputError, match="no such listing"):
        read_listing("KRX", MONDAY)
