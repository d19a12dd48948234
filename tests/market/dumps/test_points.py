"""Points of thousands, in files whose prices have no comma: told by other numbers, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours
from tests.market.dumps.support.formats import hours, read  # noqa: F401 - a fixture
from utils.errors import NightdeskError

HEAD = "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen\n"
PRICES = "1.100;1.150;1.090;1.120"
VOLUMES = {  # what stands behind the prices, and the close and the volume that are meant
    "1.010.000": (1120, 1_010_000),
    "10,5": (1120, 10.5),
    "12345": (1.12, 12345),
    "10.25": (1.12, 10.25),
}


@pytest.mark.parametrize("volume", VOLUMES)
def test_other_numbers_tell_what_a_point_is(hours: dict[str, MarketHours], tmp_path: Path, volume: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{HEAD}2024-01-02;{PRICES};{volume}\n", encoding="utf-8")
    bars = read(path, hours).bars
    assert (float(bars.close[0]), float(bars.volume[0])) == VOLUMES[volume]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_point_of_which_nothing_tells_what_it_is_is_refused(
    hours: dict[str, MarketHours], tmp_path: Path, separator: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{HEAD}2024-01-02;{PRICES};10.000\n".replace(";", separator), encoding="utf-8")
    with pytest.raises(NightdeskError, match=r"line 2: '1.120' may be a number of thousands .* set `decimal: ','` or"):
        read(path, hours)
    for decimal, right in ((",", (1120, 10_000)), (".", (1.12, 10))):
        bars = read(path, hours, decimal=decimal).bars
        assert (float(bars.close[0]), float(bars.volume[0])) == right


def test_a_mark_of_decimals_that_the_prices_show_to_be_the_other_one_is_refused(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    for prices, decimal in (("10.25;11.5;10.25;11.25", ","), ("10,25;11,5;10,25;11,25", ".")):
        path.write_text(f"{HEAD}2024-01-02;{prices};5\n", encoding="utf-8")
        with pytest.raises(NightdeskError, match=f"line 2: '11.25' under `decimal: '{decimal}'`: its prices have the"):
            read(path, hours, decimal=decimal)


def test_a_volume_beside_decimal_commas_has_points_of_thousands(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    row = '2024-01-02,"1.100,50","1.150,00","1.090,00","1.120,00",10.000\n'
    path.write_text("Datum,Eröffnung,Hoch,Tief,Schluss,Volumen\n" + row, encoding="utf-8")
    bars = read(path, hours).bars
    assert (bars.close.tolist(), bars.volume.tolist()) == ([1120], [10_000])
