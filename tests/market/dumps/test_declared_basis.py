"""Files that say themselves whether their prices are raw or adjusted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours
from tests.market.dumps.support.formats import hours, read  # noqa: F401 - a fixture
from utils.errors import NightdeskError

HEADS = Path(__file__).parent / "heads"
ROW = "date,open,high,low,close,volume,{}\n2024-01-02,10,13,9,12,5,{}\n2024-01-03,12,14,11,13,5,{}\n"


def polygon(said: bool) -> str:
    row = {"t": 1704171600000, "o": 10, "h": 13, "l": 9, "c": 12, "v": 5}
    return json.dumps({"adjusted": said, "results": [row, row | {"t": 1704258000000}]})


FILES = {
    "a column": (ROW.format("adjusted", "true", "true"), ROW.format("adjusted", "false", "false")),
    "Korea's": (ROW.format("수정주가여부", "Y", "Y"), ROW.format("수정주가여부", "N", "N")),
    "baostock's": (ROW.format("adjustflag", "2", "2"), ROW.format("adjustflag", "3", "3")),
    "Polygon's": (polygon(said=True), polygon(said=False)),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_declares_the_other_basis_is_refused(
    hours: dict[str, MarketHours],
    tmp_path: Path,
    name: str,
) -> None:
    adjusted, raw = (tmp_path / "adjusted", tmp_path / "raw")
    for path, text in zip((adjusted, raw), FILES[name], strict=True):
        path.write_text(text, encoding="utf-8")
    with pytest.raises(NightdeskError, match=r"its prices adjusted \(.*the desk raw: set `prices: adjusted`"):
        read(adjusted, hours, prices="raw")
    with pytest.raises(NightdeskError, match=r"its prices raw \(.*the desk adjusted: set `prices: raw`"):
        read(raw, hours, prices="adjusted")
    for path, prices in ((adjusted, "adjusted"), (adjusted, "split"), (raw, "raw")):
        assert len(read(path, hours, prices=prices).bars) == 2
    assert len(read(adjusted, hours, market="24/7", prices="raw").bars) == 2  # a coin has nothing to adjust


def test_polygons_adjusted_has_splits_alone(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_bytes((HEADS / "polygon.json").read_bytes())
    with pytest.raises(
        NightdeskError, match="the desk raw: set `prices: split`, as this vendor adjusts for splits alone"
    ):
        read(path, hours, symbol="AAPL")
    for prices, notes in (("split", 0), ("adjusted", 1)):
        dump = read(path, hours, symbol="AAPL", prices=prices)
        assert (dump.bars.close.tolist(), dump.bars.volume.tolist()) == ([190.2], [51_200_000])
        assert sum("not for dividends" in each.what for each in dump.oddities) == notes


def test_quantmods_adjusted_is_a_price_and_no_word(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    head = ",".join(f'"X.{name}"' for name in ("Open", "High", "Low", "Close", "Volume", "Adjusted"))
    path.write_text(f'"",{head}\n"2024-01-02",10,13,9,12,5,6\n"2024-01-03",12,14,11,13,5,6.5\n', encoding="utf-8")
    assert read(path, hours, prices="adjusted").bars.close.tolist() == [6, 6.5]
    assert read(path, hours, prices="raw").bars.close.tolist() == [12, 13]
