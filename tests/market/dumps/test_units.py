"""Files whose prices or volumes change their unit at some row: cents, a new currency, lots."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.dumps.import_desk import splits_of
from pyjobs.market.dumps.read_dump import Dump, read_dump
from tests.market.dumps.support.more_dialects import NOW_MS, PLAIN, read
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


def test_a_split_of_the_adjusted_close_or_of_the_desks_actions_is_none_of_units(put: object, tmp_path: Path) -> None:
    head, *lines = prices(0.01, first=2000).splitlines()
    close = [float(line.split(",")[4]) for line in lines]
    adjusted = [each * (0.01 if row < CHANGE else 1) for row, each in enumerate(close)]
    told = [f"{line},{each:.6f}" for line, each in zip(lines, adjusted, strict=True)]
    dump = put("\n".join([f"{head},Adj Close", *told]) + "\n")  # type: ignore[operator]
    assert dump.bars.close.tolist() == pytest.approx(close)
    (tmp_path / "corporate_actions.csv").write_text("symbol,session,action,ratio,note\nX,2024-02-09,split,100:1,\n")
    desk = Desk(name="d", market="24/7", dumps=str(tmp_path), accounts={}, instruments=[], setups={})
    splits = splits_of(desk, tmp_path)["X"]
    path = tmp_path / "raw.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    told_desk = Instrument(symbol="X", exchange="T", market="24/7", timeframe="1d", currency="USD", file="raw.csv")
    assert len(read_dump(path, told_desk, hours_of("24/7"), now_ms=NOW_MS, splits=splits).bars) == 80
    with pytest.raises(NightdeskError, match=r"a split is in corporate_actions.csv \(X,2024-02-10,split,NEW:OLD\)"):
        read_dump(path, told_desk, hours_of("24/7"), now_ms=NOW_MS, splits=dict.fromkeys(splits, 0.1))


def test_the_unit_that_a_new_currency_brought_is_that_of_the_older_prices_too(put: object) -> None:
    text = prices(1e-6, first=1.35e6)
    match = r"`units_changed: 2024-02-10` puts those before into their unit"
    with pytest.raises(NightdeskError, match=match):
        put(text)  # type: ignore[operator]
    dump = put(text, units_changed="2024-02-10")  # type: ignore[operator]
    whole = put(prices(first=1.35))  # type: ignore[operator]
    assert dump.bars.close.tolist() == pytest.approx(whole.bars.close.tolist(), rel=1e-5)
    assert dump.bars.volume.tolist() == whole.bars.volume.tolist()
    for wrong in ("2024-02-11", "2026-01-01"):
        with pytest.raises(NightdeskError, match=f"`units_changed: {wrong}`: .* differ by no power of ten"):
            put(text, units_changed=wrong)  # type: ignore[operator]


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
