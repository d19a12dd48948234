"""A right answer of Yahoo or Alpaca about the wrong thing; whatever else comes is left as it is."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

WRONG = {
    "other_symbol": {"symbol": "OTHER"},
    "other_currency": {"currency": "GBp"},
    "other_zone": {"exchangeTimezoneName": "Europe/London"},
    "other_length": {"dataGranularity": "1wk"},
}
BEFORE = dt.timedelta(days=28)


def mixed_up(body: bytes, kind: str) -> bytes:
    """`body` with what `kind` names changed to something that was not asked for."""
    try:
        content = json.loads(body)
    except ValueError:
        return body
    for result in (content.get("chart") or {}).get("result") or []:
        result["meta"].update(WRONG.get(kind, {}))
        if kind == "untrue_row":
            quote = result["indicators"]["quote"][0]
            quote["high"][1] = quote["low"][1] / 2
        if kind == "unadjusted":
            result["indicators"].pop("adjclose", None)
        if kind == "other_unit":
            for column in result["indicators"]["quote"][0], *result["indicators"].get("adjclose", []):
                column.update({name: [*v[:-1], v[-1] / 100] for name, v in column.items() if v and name != "volume"})
        if kind == "some_units":
            _some_units(result["indicators"])
        if kind == "undivided":
            result["indicators"]["adjclose"][0]["adjclose"] = result["indicators"]["quote"][0]["close"]
        if kind == "unsplit":
            _unsplit(result)
        if kind == "other_day" and "timestamp" in result:
            result["timestamp"] = [at - int(BEFORE.total_seconds()) for at in result["timestamp"]]
    for row in (content.get("quoteResponse") or {}).get("result") or []:
        row.update(WRONG.get(kind, {}))
    if isinstance(content.get("bars"), dict):
        content["bars"] = _bars(content["bars"], kind)
    return json.dumps(content).encode()


def _some_units(indicators: dict[str, Any]) -> None:
    """Two rows a hundredth of what they are, and one price of another a hundred times."""
    for column in indicators["quote"][0], *indicators.get("adjclose", []):
        for values in (values for name, values in column.items() if name != "volume"):
            values[2:4] = [value / 100 for value in values[2:4]]
    if len(high := indicators["quote"][0]["high"]) > 5:
        high[5] *= 100


def _unsplit(result: dict[str, Any]) -> None:
    """The splits it tells are no longer in the prices before them."""
    for split in result.get("events", {}).get("splits", {}).values():
        ratio = split["numerator"] / split["denominator"]
        columns = [*result["indicators"]["quote"], *result["indicators"].get("adjclose", [])]
        for column in (values for each in columns for name, values in each.items() if name != "volume"):
            for at, second in enumerate(result["timestamp"]):
                if second < split["date"] and column[at] is not None:
                    column[at] *= ratio


def _bars(bars: dict[str, list[dict[str, Any]]], kind: str) -> dict[str, list[dict[str, Any]]]:
    if kind == "other_symbol":
        return {"OTHER": next(iter(bars.values()), [])}
    if kind == "other_day":
        for row in (row for rows in bars.values() for row in rows):
            row["t"] = (dt.datetime.fromisoformat(row["t"].replace("Z", "")) - BEFORE).isoformat() + "Z"
    return bars
