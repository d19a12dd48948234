"""Files whose prices or volumes change their unit at some row: cents, a new currency, lots."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.dumps.read_dump import Dump
from tests.market.dumps.test_more_dialects import PLAIN, read
from utils.errors import NightdeskError

CHANGE = 40  # the row at which the unit changes: 2024-02-10


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {"24/7": hours_of("24/7")}


def prices(price: float = 1, volume: float = 1, *, rows: int = 80, until: int = 1000, first: float = 20) -> str:
    """A price that moves by 2 % a day; from row `CHANGE` to `until` in other units."""
    chance, close, text = random.Random(5), first, PLAIN
    for row in range(rows):
        opened, close = close, close * (1 + chance.uniform(-0.02, 0.02))
        other = CHANGE <= row < until
        four = [each * (price if other else 1) for each in (opened, max(opened, close), min(opened, close), close)]
        traded = chance.randint(700, 1400) * (volume if other else 1)
        day = dt.date(2024, 1, 1) + dt.timedelta(days=row)
        text += f"{day},{','.join(f'{each:.6f}' for each in four)},{traded:g}\n"
    return text


@pytest.fixture
def put(hours: dict[str, MarketHours], tmp_path: Path) -> object:
    return lambda text, **told: read(tmp_path / "x.csv", hours, text, market="24/7", **told)


def noted(dump: Dump) -> dict[str, str | int | None]:
    return {each.what: each.first for each in dump.oddities if "unit" in each.what or "lots" in each.what}


@pytest.mark.parametrize(
    ("factor", "words"), [(100, "100 times"), (0.01, "one 100th of"), (1e-6, "one 1,000,000th of")]
)
def test_prices_of_another_unit_from_a_row_on_are_refused_with_the_key_that_takes_the_rest(
    put: object, factor: float, words: str
) -> None:
    first = 5e6 if factor < 1e-3 else 20
    match = rf"line 42: from 2024-02-10 on prices are {words} those before .*`start: 2024-02-10` takes the rows"
    with pytest.raises(NightdeskError, match=match):
        put(prices(factor, first=first))  # type: ignore[operator]
    assert len(put(prices(factor, first=first), start="2024-02-10").bars) == 40  # type: ignore[operator]


def test_ten_times_is_noted_and_a_split_with_its_volume_is_not(put: object) -> None:
    assert noted(put(prices(10))) == {  # type: ignore[operator]
        "prices are 10 times those before: a split, or another unit?": "2024-02-10"
    }
    assert noted(put(prices(0.1, 10))) == {}  # type: ignore[operator]
    assert noted(put(prices(0.01, 100))) == {}  # type: ignore[operator]
    assert noted(put(prices())) == {}  # type: ignore[operator]


def test_a_split_that_the_file_itself_names_is_none_of_units(put: object) -> None:
    head, *lines = prices(100, 1 / 5).splitlines()
    told = [f"{head},Stock Splits", *(f"{line},{0.01 if row == CHANGE else 0}" for row, line in enumerate(lines))]
    assert len(put("\n".join(told) + "\n").bars) == 80  # type: ignore[operator]
    with pytest.raises(NightdeskError, match="another unit"):
        put("\n".join(told).replace(",0.01", ",0") + "\n")  # type: ignore[operator]


def test_a_few_rows_of_another_unit_are_bad_rows(put: object) -> None:
    with pytest.raises(NightdeskError, match="prices are 100 times those of the rows before and after"):
        put(prices(100, until=42))  # type: ignore[operator]
    dump = put(prices(100, until=42), bad_rows=5)  # type: ignore[operator]
    assert len(dump.bars) == 78
    assert dump.bars.high.max() < 40


def test_units_by_turns_are_refused(put: object) -> None:
    every_other = [
        line if row % 2 else ",".join([line.split(",")[0], "2000", "2000", "2000", "2000", "900"])
        for row, line in enumerate(prices().splitlines()[1:])
    ]
    with pytest.raises(NightdeskError, match=r"another unit\?.*such lines"):
        put(PLAIN + "\n".join(every_other) + "\n")  # type: ignore[operator]


def test_what_falls_by_itself_as_a_coin_may_is_no_other_unit(put: object) -> None:
    fall = "".join(f"2024-03-{21 + day},{p},{p},{p / 5},{p / 5},900\n" for day, p in enumerate((20, 4, 0.8, 0.16)))
    assert len(put(prices() + fall).bars) == 84  # type: ignore[operator]


@pytest.mark.parametrize(("factor", "words"), [(100, "100 times"), (0.001, "one 1,000th of")])
def test_volumes_that_were_lots_are_noted(put: object, factor: float, words: str) -> None:
    told = f"volumes are {words} those before, for good: lots, then shares?"
    assert noted(put(prices(1, factor))) == {told: "2024-02-10"}  # type: ignore[operator]
