"""A person looks a message up in the runbook by its words, so they are those of the code."""

from __future__ import annotations

import re

import pytest

from tests.support.runbook import ROOT

CODE = ("pyjobs", "utils", "jobs", "batch")
OF_SEVERAL_TEXTS = {  # messages with a value in the quoted part, so that no text in the code has it whole
    "skipped because not a session",
    "skipped because outside data failed: rate limit",
    "last ran 9 days ago; the schedule starts it every 60 s",
    "another process keeps logs/history.jsonl locked",
    "bytes of the log were lost: No space left on device",
    "times lower than those that are stored",
    "cannot write '…': No space left on device",
    "write it 'split'",
    "its rows are … apart, not bars of …",
    "it declares its prices adjusted …, the desk raw",
    "is no epoch (Excel's number of a day?)",
    "does a row's time mark the start or the end",
    "was zone, layout or timeframe changed",
}


@pytest.mark.parametrize("page", ["when_quiet", "providers"])
def test_a_message_that_the_runbook_explains_is_in_the_code(page: str) -> None:
    code = "".join(path.read_text(encoding="utf-8") for top in CODE for path in (ROOT / top).rglob("*.[ps][yh]"))
    code = " ".join(re.sub(r'"\s*\n\s*f?"', "", code).split())
    text = (ROOT / f"docs/operations/{page}.md").read_text(encoding="utf-8")
    quotes = {
        quote for cell in re.findall(r"^\| (`.*?`.*?) \|", text, re.M) for quote in re.findall(r"`([^`]+)`", cell)
    }
    assert len(quotes) > 30
    for quote in quotes - OF_SEVERAL_TEXTS:
        for part in re.split(r"…|\b\d[\d:.,-]*|\b[A-Z]+\b", quote):
            assert part.count(" ") < 2 or part.strip() in code, quote
