"""Bars written in any format of the table, in any dialect, order and state: the same bars come back, or a refusal."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import read_dump
from utils.errors import NightdeskError

NOW_MS = 1_795_176_000_000  # 2026-11-20T12:00Z
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
STEPS = {"1m": MINUTE, "5m": 5 * MINUTE, "30m": 30 * MINUTE, "1h": HOUR, "4h": 4 * HOUR, "1d": DAY, "1w": 7 * DAY}
Bar = tuple[int, float, float, float, float, float]


@st.composite
def made_up(draw: st.DrawFn) -> tuple[str, list[Bar]]:
    """Bars round the clock: (start, open, high, low, close, volume), with gaps; of a week from a Monday."""
    timeframe = draw(st.sampled_from(list(STEPS)))
    step, first = STEPS[timeframe], 1_704_067_200_000  # 2024-01-01, a Monday
    places = sorted(draw(st.sets(st.integers(0, 60), min_size=1, max_size=25)))
    bars = []
    for place in places:
        prices = sorted(draw(st.lists(st.integers(100, 99_999), min_size=4, max_size=4)))
        middle = draw(st.permutations(prices[1:3]))
        volume = draw(st.integers(1, 10**6))
        bars.append(
            (first + step * place, middle[0] / 100, prices[3] / 100, prices[0] / 100, middle[1] / 100, float(volume))
        )
    return timeframe, bars


def iso(ms: int, shape: str) -> str:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).strftime(shape)


TIMES: dict[str, Any] = {
    "seconds": lambda ms: str(ms // 1000),
    "milliseconds": str,
    "microseconds": lambda ms: str(ms * 1000),
    "nanoseconds": lambda ms: str(ms * 1_000_000),
    "float seconds": lambda ms: f"{ms // 1000}.0",
    "iso Z": lambda ms: iso(ms, "%Y-%m-%dT%H:%M:%SZ"),
    "iso +00:00": lambda ms: iso(ms, "%Y-%m-%d %H:%M:%S+00:00"),
    "iso -05:00": lambda ms: iso(ms - 5 * HOUR, "%Y-%m-%dT%H:%M:%S-05:00"),
    "naive": lambda ms: iso(ms, "%Y-%m-%d %H:%M:%S"),
    "naive, dotted": lambda ms: iso(ms, "%d.%m.%Y %H:%M:%S"),
    "naive, American": lambda ms: iso(ms, "%m/%d/%Y %H:%M"),
    "compact": lambda ms: iso(ms, "%Y%m%d %H%M%S"),
    "zone's name": lambda ms: iso(ms, "%Y%m%d  %H:%M:%S Etc/UTC"),
    "month's name": lambda ms: iso(ms, "%b %d, %Y %H:%M"),
}
DATES = {"naive, dotted": "dmy", "naive, American": "mdy"}


@st.composite
def written(draw: st.DrawFn) -> tuple[str, dict[str, Any], str, list[Bar]]:
    """(timeframe, keys of the desk, the text, the bars in it)."""
    timeframe, bars = draw(made_up())
    step = STEPS[timeframe]
    kind = draw(st.sampled_from(list(TIMES)))
    mark = draw(st.sampled_from(["start", "close"]))
    rows = draw(st.sampled_from([bars, bars[::-1], [*bars, bars[-1]]]))
    if draw(st.booleans()):
        rows = draw(st.permutations(rows))
    stamped = [(TIMES[kind](bar[0] + (step if mark == "close" else 0)), *bar[1:]) for bar in rows]
    told = {"layout": f"ohlcv_{mark}", "zone": "+00:00", "dates": DATES.get(kind, "")}
    if draw(st.sampled_from(["text", "text", "json"])) == "json":
        names = draw(
            st.sampled_from([("time", "open", "high", "low", "close", "volume"), ("t", "o", "h", "l", "c", "v")])
        )
        return timeframe, told, json.dumps([dict(zip(names, row, strict=True)) for row in stamped]), bars
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    comma = delimiter != "," and draw(st.booleans())
    quote = draw(st.sampled_from(["", '"'])) if delimiter != "," or "," not in stamped[0][0] else '"'
    end = draw(st.sampled_from(["\n", "\r\n"]))
    header = draw(
        st.sampled_from(
            [
                "time,open,high,low,close,volume",
                "Date,Open,High,Low,Close,Vol.",
                "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            ]
        )
    )
    lines = [header.replace(",", delimiter)] if draw(st.booleans()) or delimiter == "|" else []
    for row in stamped:
        numbers = [f"{value:.2f}".replace(".", ",") if comma else f"{value:.2f}" for value in row[1:]]
        lines.append(delimiter.join(f"{quote}{cell}{quote}" for cell in (row[0], *numbers)))
        if draw(st.integers(0, 20)) == 0:
            lines.append(delimiter * 5)
    return timeframe, told, ("\ufeff" if draw(st.booleans()) else "") + end.join(lines) + end, bars


@pytest.fixture(scope="module")
def round_the_clock() -> MarketHours:
    return hours_of("24/7")


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=written())
def test_bars_come_back_as_they_were_written_or_are_refused(
    tmp_path: Path, round_the_clock: MarketHours, case: tuple[str, dict[str, Any], str, list[Bar]]
) -> None:
    timeframe, told, text, bars = case
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    instrument = Instrument(
        symbol="X", exchange="T", market="24/7", timeframe=timeframe, currency="USD", file="x.csv", **told
    )
    try:
        read = read_dump(path, instrument, round_the_clock, now_ms=NOW_MS).bars
    except NightdeskError as refusal:
        assert str(path) in str(refusal)
        return
    step = STEPS[timeframe]
    expected = {bar[0] + step: bar[1:] for bar in bars}
    for i, close in enumerate(read.ts_ms.tolist()):
        values = tuple(float(getattr(read, name)[i]) for name in ("open", "high", "low", "close", "volume"))
        assert expected[close] == values
    assert len(read) == len(expected)
