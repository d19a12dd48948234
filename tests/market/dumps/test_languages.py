"""Exports whose columns are named in other languages: Investing.com's and Yahoo's pages, Stooq's Polish one."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import read_dump

NOW_MS = 1_795_910_400_000  # 2026-11-29
SECOND, THIRD = 1_730_754_000_000, 1_730_840_400_000  # New York's closes of 2024-11-04 and 05
FILES = {
    "russian": 'Дата,Цена,Откр.,Макс.,Мин.,Объём,Изм. %\n05.11.2024,"11,5","12,0","13,5","11,0","1,50K","1%"\n04.11.2024,"12,0","10,5","13,0","9,0","2,50K","1%"\n',
    "japanese": "日付け,終値,始値,高値,安値,出来高,変化率 %\n2024年11月05日,11.5,12.0,13.5,11.0,1.50K,1%\n2024年11月04日,12.0,10.5,13.0,9.0,2.50K,1%\n",
    "japanese, adjusted close too": '日付,始値,高値,安値,終値,出来高,調整後終値*\n2024年11月5日,12.0,13.5,11.0,11.5,"1,500",5.75\n2024年11月4日,10.5,13.0,9.0,12.0,"2,500",6\n',
    "chinese": "日期,收盘,开盘,高,低,交易量,涨跌幅\n2024年11月5日,11.5,12.0,13.5,11.0,1.50K,1%\n2024年11月4日,12.0,10.5,13.0,9.0,2.50K,1%\n",
    "chinese, whole words": "日期,开盘价,最高价,最低价,收盘价,成交量\n2024-11-04,10.5,13,9,12,2500\n2024-11-05,12,13.5,11,11.5,1500\n",
    "turkish": 'Tarih,Şimdi,Açılış,Yüksek,Düşük,Hac.,Fark %\n05.11.2024,"11,5","12,0","13,5","11,0","1,50K","1%"\n04.11.2024,"12,0","10,5","13,0","9,0","2,50K","1%"\n',
    "polish": 'Data,Ostatnio,Otwarcie,Max.,Min.,Wol.,Zmiana%\n05.11.2024,"11,5","12,0","13,5","11,0","1,50K","1%"\n04.11.2024,"12,0","10,5","13,0","9,0","2,50K","1%"\n',
    "stooq in polish": "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n2024-11-04,10.5,13,9,12,2500\n2024-11-05,12,13.5,11,11.5,1500\n",
    "dutch": 'Datum,Laatst,Open,Hoog,Laag,Vol.,Verschil %\n05-11-2024,"11,5","12,0","13,5","11,0","1,50K","1%"\n04-11-2024,"12,0","10,5","13,0","9,0","2,50K","1%"\n',
    "swedish": "Datum,Senaste,Öppen,Högst,Lägst,Vol.,+/-%\n2024-11-05,11.5,12.0,13.5,11.0,1.50K,1%\n2024-11-04,12.0,10.5,13.0,9.0,2.50K,1%\n",
}

ENCODINGS = {"russian": "cp1251", "turkish": "cp1254", "japanese": "cp932", "chinese": "gb18030", "swedish": "cp1252"}


@pytest.fixture(scope="module")
def new_york() -> MarketHours:
    return hours_of("XNYS")


@pytest.mark.parametrize("name", FILES)
def test_the_columns_of_an_export_are_known_in_its_language(name: str, tmp_path: Path, new_york: MarketHours) -> None:
    path = tmp_path / "x.csv"
    path.write_text(FILES[name], encoding=ENCODINGS.get(name, "utf-8-sig"))
    dates = "dmy" if "05.11" in FILES[name] or "05-11" in FILES[name] else "auto"
    instrument = Instrument(
        symbol="X", exchange="T", market="XNYS", timeframe="1d", currency="USD", file="x.csv", dates=dates
    )
    bars = read_dump(path, instrument, new_york, now_ms=NOW_MS).bars
    assert bars.ts_ms.tolist() == [SECOND, THIRD]
    assert [bars.open.tolist(), bars.high.tolist(), bars.low.tolist()] == [[10.5, 12], [13, 13.5], [9, 11]]
    assert (bars.close.tolist(), bars.volume.tolist()) == ([12, 11.5], [2500, 1500])
