"""Whether an answer without candles means that there are none, at an exchange of unknown shapes.

A client returns no rows for a proper empty answer, and just so for a page, or for one whose fields have other names. So
it is compared with an answer that has candles: where those stand, an empty list must stand.
"""

from __future__ import annotations

from typing import Any

from pyjobs.market.providers.wire.http_answer import Fault

Place = tuple[str, ...]
"""The names that lead to a value within JSON objects; () is the whole."""


def doubt(empty: Any, known: Any) -> Fault | None:
    """Why `empty`, an answer without candles, is not trusted next to `known`, one with candles."""
    found = place_of_rows(known)
    if found is None:
        return Fault("schema", "no candles, and none to be found in an answer that should have some", retry_after_s=0.0)
    where, there = ".".join(found) or "the answer itself", value_at(empty, found)
    if not isinstance(there, list):
        return Fault("schema", f"not a list: {where}, where candles are expected")
    if there:
        return Fault("schema", f"{len(there)} rows at {where}, none of them a candle of the range", retry_after_s=0.0)
    return None


def place_of_rows(content: Any) -> Place | None:
    """The path through objects to the longest list; None without one that is not empty."""
    places = dict(_lists(content, ()))
    return max(places, key=lambda place: places[place], default=None)


def value_at(content: Any, place: Place) -> Any:
    """The value at the path; None where there is none."""
    for name in place:
        content = content.get(name) if isinstance(content, dict) else None
    return content


def _lists(content: Any, place: Place) -> list[tuple[Place, int]]:
    if isinstance(content, list):
        return [(place, len(content))] if content else []
    if isinstance(content, dict):
        return [found for name, value in content.items() for found in _lists(value, (*place, str(name)))]
    return []
