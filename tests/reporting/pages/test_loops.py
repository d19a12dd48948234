"""The paper loops on a page: a table of green and red, and a cell for each bar."""

from __future__ import annotations

import re

from pyjobs.reporting import html
from pyjobs.reporting.document import markdown
from pyjobs.reporting.pages.loops import counted, golive_sections, loops_page, strip_sections
from pyjobs.runs.nights.loops import Gate, GoLive, Mark, Standing

HOUR_MS, NOON_MS = 3_600_000, 1_795_176_000_000
MARKS = [
    *(Mark(NOON_MS + k * HOUR_MS, "decided") for k in range(100)),
    Mark(NOON_MS + 100 * HOUR_MS, "late", "late"),
    Mark(NOON_MS + 101 * HOUR_MS, "blocked", "kill"),
    Mark(NOON_MS + 102 * HOUR_MS, "blocked", "limit_open"),
    Mark(NOON_MS + 103 * HOUR_MS, "missing", "not there"),
]
GATES = [
    Gate(asks="14 clean days", green=True, found="14 of 14", evidence="data/x/decisions.csv", age_s=60.0),
    Gate(asks="health OK", green=False, found="FAIL: <b>stale</b>", evidence="data/x/decisions.csv", age_s=36_000.0),
]
LOOPS = GoLive(
    at_s=NOON_MS / 1000,
    loops=[
        Standing(name="paper", series="BITFINEX:BTCUSD:1h", gates=GATES, strip=MARKS),
        Standing(name="new", series="", gates=GATES[:1], strip=[]),
        Standing(name="edited", series="", gates=GATES[:1], strip=[], unread="decisions.csv: line 5 was edited"),
    ],
)


def rendered() -> str:
    page = loops_page(LOOPS)
    return html.render(title=page.title, label="", cards=[], pages=[page], files=[])


def test_each_gate_is_green_or_red_with_its_evidence_and_age() -> None:
    text = rendered()
    assert "NO-GO: 1 gate is red; 2 of 3 loops have none." in text
    assert text.count('class="good">green</td>') == 3 and text.count('class="bad">red</td>') == 1
    assert "FAIL: &lt;b&gt;stale&lt;/b&gt;" in text and ">10.0 h</td>" in text and ">1 min</td>" in text
    assert golive_sections(None) == [] and strip_sections(GoLive(at_s=0.0, loops=[])) == []


def test_a_strip_has_a_cell_for_each_bar_and_says_why_under_the_hand() -> None:
    text = rendered()
    strips = re.findall(r'<div class="row"><em>(.*?)</em><svg.*?</svg></div>', text)
    assert strips == ["2026-11-20 12:00", "2026-11-24 12:00"]  # rows of 96
    cells = re.findall(r'<path class="cell (\w+)"', text.partition('<div class="row">')[2])
    assert cells == ["decided"] * 100 + ["late", "blocked", "blocked", "missing"]
    assert "<title>2026-11-24 17:00 blocked: kill</title>" in text
    assert counted(MARKS) == "100 decided, 1 late, 2 blocked (1 kill, 1 limit_open), 1 missing"


def test_in_markdown_a_strip_is_letters() -> None:
    text = markdown(loops_page(LOOPS))
    assert f"    2026-11-20 12:00 {'.' * 96}\n    2026-11-24 12:00 ....LBBx\n" in text
    assert "new has not decided anything yet" in text
    assert "edited cannot be shown: decisions.csv: line 5 was edited" in text
