"""Bars in workbooks, Parquet, Feather, JSON, archives and folders: the same come back, or a refusal.

The oracle is the list of bars that was written. Nothing of the reader makes or reads a file here.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import read_dump
from utils.errors import NightdeskError

NOW_MS = 1_795_176_000_000  # 2026-11-20T12:00Z
EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the clock of files that name no zone
STEPS = {"5m": 300_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}
NAMES = ("open", "high", "low", "close", "volume")
Bar = tuple[int, float, float, float, float, float]
Writer = Callable[[random.Random, Path, list[Bar]], tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def hours() -> MarketHours:
    return hours_of("24/7")


def made_up(chance: random.Random) -> tuple[str, list[Bar]]:
    """(timeframe, bars round the clock, by their start, with gaps)."""
    timeframe = chance.choice(list(STEPS))
    bars = []
    for place in sorted(chance.sample(range(60), chance.randint(3, 25))):
        low, one, two, high = sorted(chance.randint(100, 99_999) / 100 for _ in range(4))
        opened, close = chance.choice([(one, two), (two, one)])
        start = 1_704_067_200_000 + STEPS[timeframe] * place
        bars.append((start, opened, high, low, close, float(chance.randint(1, 10**6))))
    return timeframe, bars


def shaken(chance: random.Random, bars: list[Bar]) -> list[Bar]:
    """In any order, some bars twice."""
    rows = [*bars, *chance.sample(bars, chance.randint(0, 2))]
    return chance.choice([rows, rows[::-1], chance.sample(rows, len(rows))])


def moment(ms: int) -> dt.datetime:
    return EPOCH + dt.timedelta(milliseconds=ms)


def iso(ms: int) -> str:
    return f"{moment(ms):%Y-%m-%dT%H:%M:%SZ}"


def csv_text(rows: list[Bar]) -> str:
    return "time,open,high,low,close,volume\n" + "".join(
        ",".join([iso(row[0]), *map(repr, row[1:])]) + "\n" for row in rows
    )


def in_workbook(chance: random.Random, folder: Path, bars: list[Bar]) -> tuple[str, dict[str, Any]]:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for line in range(chance.randint(0, 2)):
        sheet.append([f"note {line}"] if chance.random() < 0.5 else [])
    sheet.append([chance.choice(["Date", "time", "Datetime"]), *chance.choice([NAMES, [n.title() for n in NAMES]])])
    kind = chance.choice(["date", "text", "epoch"])
    for row in shaken(chance, bars):
        time = {"date": moment(row[0]), "text": iso(row[0]), "epoch": row[0] // 1000}[kind]
        cells = [str(value) for value in row[1:]] if chance.random() < 0.2 else list(row[1:])
        sheet.append([time, *cells])
        if chance.random() < 0.1:
            sheet.append([])
    if chance.random() < 0.3:
        book.create_sheet("other").append(["words"])
    book.save(folder / "x.xlsx")
    return "x.xlsx", {"zone": "+00:00"}


def in_arrow(chance: random.Random, folder: Path, bars: list[Bar]) -> tuple[str, dict[str, Any]]:
    rows = shaken(chance, bars)
    unit = chance.choice(["s", "ms", "us", "ns"])
    each = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[unit]
    kind = chance.choice(["zoned", "naive", "epoch", "text"])
    times = {
        "zoned": lambda: pa.array([row[0] // 1000 * each for row in rows], pa.timestamp(unit, "Asia/Seoul")),
        "naive": lambda: pa.array([row[0] // 1000 * each for row in rows], pa.timestamp(unit)),
        "epoch": lambda: pa.array([row[0] // 1000 * each for row in rows], pa.int64()),
        "text": lambda: pa.array([iso(row[0]) for row in rows], chance.choice([pa.string(), pa.large_string()])),
    }[kind]()
    columns = {name: pa.array([row[at] for row in rows], pa.float64()) for at, name in enumerate(NAMES, 1)}
    if chance.random() < 0.3:
        columns["volume"] = pa.array([int(row[5]) for row in rows], pa.int64())
    when = chance.choice(["time", "date", "__index_level_0__"])
    table = pa.table({**columns, when: times} if when.startswith("__") else {when: times, **columns})
    name = chance.choice(["x.parquet", "x.feather"])
    if name == "x.parquet":
        pq.write_table(table, folder / name, row_group_size=chance.choice([None, 4]))
    else:
        feather.write_feather(table, folder / name, compression=chance.choice(["lz4", "zstd", "uncompressed"]))
    return name, {"zone": "+00:00"}


def in_json(chance: random.Random, folder: Path, bars: list[Bar]) -> tuple[str, dict[str, Any]]:
    rows, kind = shaken(chance, bars), chance.choice(["records", "lines", "split", "arrays", "lists", "nested"])
    time = chance.choice([iso, lambda ms: ms, lambda ms: ms // 1000])
    records = [{"time": time(row[0]), **dict(zip(NAMES, row[1:], strict=True))} for row in rows]
    data: Any = {
        "records": records,
        "split": {"columns": list(NAMES), "index": [time(row[0]) for row in rows], "data": [row[1:] for row in rows]},
        "arrays": [[time(row[0]), *row[1:]] for row in rows],
        "lists": {name: [record[name] for record in records] for name in ("time", *NAMES)},
        "nested": {"status": "ok", "result": {"rows": records}},
    }.get(kind)
    lines = "\n".join(map(json.dumps, records)) + "\n"
    (folder / "x.json").write_text(lines if kind == "lines" else json.dumps(data))
    return "x.json", {}


def in_archive(chance: random.Random, folder: Path, bars: list[Bar]) -> tuple[str, dict[str, Any]]:
    rows, parts = shaken(chance, bars), chance.randint(1, 4)
    files = {f"part-{at}.csv": csv_text(rows[at::parts]) for at in range(parts) if rows[at::parts]}
    kind = chance.choice(["zip", "folder", "pattern", "gz"])
    if kind == "gz":
        (folder / "x.csv.gz").write_bytes(gzip.compress(csv_text(rows).encode()))
        return "x.csv.gz", {}
    if kind == "zip":
        with zipfile.ZipFile(folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
            archive.writestr("__MACOSX/._part", b"\0\5")
        return "x.zip", {}
    (folder / "m").mkdir()
    for name, text in files.items():
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(name, text)
        suffix, content = chance.choice(
            [("", text.encode()), (".gz", gzip.compress(text.encode())), (".zip", packed.getvalue())]
        )
        (folder / "m" / f"{name}{suffix}").write_bytes(content)
    return ("m" if kind == "folder" else "m/part-*"), {}


WRITERS: dict[str, Writer] = {"workbook": in_workbook, "arrow": in_arrow, "json": in_json, "archive": in_archive}


def read_or_refused(writer: Writer, seed: int, folder: Path, hours: MarketHours) -> bool:
    chance = random.Random(seed)
    timeframe, bars = made_up(chance)
    named = writer is in_workbook and timeframe == "1d"  # Excel's midnights are dates, and a date is its day's name
    mark = "start" if named else chance.choice(["start", "close"])
    moved = [(bar[0] + (STEPS[timeframe] if mark == "close" else 0), *bar[1:]) for bar in bars]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    file, told = writer(chance, folder, moved)
    instrument = Instrument(
        symbol="X", exchange="T", market="24/7", timeframe=timeframe, currency="USD", file=file,
        **({"layout": f"ohlcv_{mark}"} | told),
    )  # fmt: skip
    try:
        found = read_dump(folder / file, instrument, hours, now_ms=NOW_MS).bars
    except NightdeskError as refusal:
        assert str(folder) in str(refusal)
        return False
    expected = {bar[0] + STEPS[timeframe]: bar[1:] for bar in bars}
    got = {
        close: tuple(float(getattr(found, name)[at]) for name in NAMES) for at, close in enumerate(found.ts_ms.tolist())
    }
    assert got == expected, f"seed {seed}, {file}, {timeframe}, {mark}"
    return True


@pytest.mark.parametrize("kind", WRITERS)
def test_what_was_put_into_a_container_comes_out_of_it(kind: str, hours: MarketHours, tmp_path: Path) -> None:
    taken = [read_or_refused(WRITERS[kind], seed, tmp_path / "x", hours) for seed in range(8)]
    assert sum(taken) > 3, "too many were refused"


@pytest.mark.torture
@pytest.mark.parametrize("kind", WRITERS)
def test_what_was_put_into_a_container_comes_out_a_thousand_times(
    kind: str, hours: MarketHours, tmp_path: Path
) -> None:
    taken = [read_or_refused(WRITERS[kind], seed, tmp_path / "x", hours) for seed in range(1000)]
    assert sum(taken) > 500, "too many were refused"
