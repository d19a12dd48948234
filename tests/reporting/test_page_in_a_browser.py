"""At the width of a phone no page slides sideways: looked at in a real Chromium, where one is installed."""

from __future__ import annotations

import html as escape
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pyjobs.reporting import fonts
from pyjobs.reporting.document import Chart, Heat, Page, Section, Strip, Table, Text
from pyjobs.reporting.html import Card, render
from utils.tables import Column

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
PHONES = {"390 px": 390, "320 px": 320, "390 px at 200 %": 195}
LONG = "KODEX 미국나스닥100레버리지(합성 H) 아주 긴 이름을 가진 상장지수펀드"
SCRIPT = """
<script>
onload = () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, root = page.documentElement;
    const links = [...page.querySelectorAll("nav a")].map(a => a.getBoundingClientRect());
    const first = page.querySelector("tbody tr");
    found[frame.width] = {
      slides: root.scrollWidth > root.clientWidth,
      out: [...page.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > root.clientWidth + 1).length,
      links: links.every(r => r.left >= 0 && r.right <= root.clientWidth && r.top < 400),
      first: [...first.children].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top
        || a.getBoundingClientRect().left - b.getBoundingClientRect().left).map(e => e.textContent),
    };
  }
  document.body.innerHTML = "<pre id=found>" + JSON.stringify(found) + "</pre>";
};
</script>
"""


def a_page() -> str:
    """Everything that has been too wide: long names, many columns, paths, numbers, sentences without a space."""
    columns = [Column("symbol"), Column("name"), *(Column(f"figure {n}", right=True) for n in range(9)), Column("why")]
    row = ["A379810", LONG, *(f"{n},234,567,890.12" for n in range(9)), "x" * 180]
    curve = {LONG: [1.0, 2.5, 1.5], "1,234,567": [2.0, 1.0, 3.0]}
    chart = Chart(title=LONG, labels=["2024-01-02", "2025-06", "2026-11-20"], lines=curve, show="{:,.0f}".format)
    months = Heat(columns=[*(f"M{n:02}" for n in range(1, 13)), "year"], rows={"2026": [-0.123] * 12 + [12.345]})
    strip = Strip(title=LONG, cells=[("2026-11-20 12:00", each, "") for each in ("late", "missing", "decided")] * 96)
    slim = Table(columns=[Column("figure"), *columns[2:4]], rows=[["VaR, 5 % of sessions lose more", *row[2:4]]])
    sections = [
        Section(
            title=LONG,
            blocks=[Table(columns=columns, rows=[row] * 3), Text("/data/server_runs/" + "y" * 200, tone="warn")],
        ),
        Section(title="Worth", blocks=[chart, months, slim, strip], half=True),
        Section(title="Also", blocks=[chart], half=True),
    ]
    names = ("daily", "scan", "golive", "ops", "instruments", "data", "queue", "backtests")
    pages = [
        Page(name=name, title=f"{name.capitalize()} report of 2026-11-20", summary=LONG, sections=sections)
        for name in names
    ]
    cards = [Card(title="equity of the account", value="1,234,567,890,123 KRW"), Card(title=LONG, value="+1,234.56 %")]
    files = ["portfolio/krw/unconstrained/" + "z" * 120 + ".csv"]
    return render(title=f"Night of {LONG}", label="sample market", cards=cards, pages=pages, files=files)


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here (apt-get install chromium)")
def test_no_page_slides_sideways_on_a_phone(tmp_path: Path) -> None:
    frames = "".join(
        f'<iframe width="{w}" height="800" srcdoc="{escape.escape(a_page())}"></iframe>' for w in PHONES.values()
    )
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body>{frames}{SCRIPT}', encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=9000",
    ]
    shown = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", wrapper.as_uri()], capture_output=True, text=True, timeout=180
    )  # fmt: skip
    told = re.search(r'<pre id="found">(.*?)</pre>', shown.stdout, re.S)
    assert told, shown.stderr[-2000:]
    found = json.loads(escape.unescape(told[1]))
    for name, width in PHONES.items():
        seen = found[str(width)]
        assert (name, seen["slides"], seen["out"], seen["links"]) == (name, False, 0, True)
        assert seen["first"][0] == "A379810" and seen["first"][1] == "0,234,567,890.12", (
            name
        )  # numbers before long names


def test_a_picture_writes_what_a_font_here_has_and_a_question_mark_for_the_rest() -> None:
    assert fonts.readable("Samsung €") == "Samsung €"  # DejaVu has the euro
    assert fonts.readable("삼성전자") == ("삼성전자" if fonts.korean_font() else "????")
    assert fonts.readable("\U0010fffd") == "?"
