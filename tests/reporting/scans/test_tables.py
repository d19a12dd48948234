"""A scan's text for the log: whole lines, or what is printed next stands in the last one."""

from __future__ import annotations

from typing import Any

import pytest

from pyjobs.reporting.scans.tables import as_text

SPY: dict[str, Any] = {
    "symbol": "SPY", "exchange": "YAHOO", "timeframe": "1d", "role": "trade", "last_session": "2026-11-27",
    "close": 231.25, "change": 0.01, "bars": 300, "status": "ok",
}  # fmt: skip


@pytest.mark.parametrize("notes", [[], ["[WARN] one"], ["[WARN] one", "[WARN] two"]])
def test_the_text_ends_with_a_line_end_and_each_note_is_a_line(notes: list[str]) -> None:
    text = as_text({"instruments": [SPY], "signals": [], "notes": notes}, "a scan")
    assert text.endswith("\n")
    assert text.splitlines()[5:] == notes
