"""The report verbs on a run folder written by hand, and on one where everything before them failed."""

from __future__ import annotations

import json
import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from pyjobs import report_daily, report_golive, report_index, report_ops, report_scan

VERBS = (report_scan, report_daily, report_golive, report_ops, report_index)
SESSION = "2026-11-20"


def make_all(run: Path, desk: Path, *, session: bool = True) -> None:
    for verb in VERBS:
        told = ["--session", SESSION] if session else []
        assert verb.main(["--desk", str(desk), *told, "--out", str(run)]) == 0


class Links(HTMLParser):
    """Collects every address on a page, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids |= {value or "" for name, value in attrs if name == "id"}


def pixels(png: Path) -> tuple[int, int, set[bytes]]:
    """Width, height and the set of colours of an 8-bit RGBA PNG, decoded without matplotlib (all filter types)."""
    raw = png.read_bytes()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, width, height, names = 8, b"", 0, 0, []
    while at < len(raw):
        length, name = struct.unpack(">I4s", raw[at : at + 8])
        body = raw[at + 8 : at + 8 + length]
        names.append(name)
        if name == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (8, 6)
        data += body if name == b"IDAT" else b""
        at += 12 + length
    assert b"tEXt" not in names and b"tIME" not in names
    rows = zlib.decompress(data)
    return width, height, {rows[i : i + 4] for i in range(1, len(rows) - 4, 4)}


def test_every_link_of_the_index_stays_in_the_run_folder_and_exists(full_run: Path, desk_file: Path) -> None:
    make_all(full_run, desk_file)
    page = Links()
    page.feed((full_run / "index.html").read_text(encoding="utf-8"))
    assert {"reports/scan.md", "reports/equity_krw.png", "logs/02_scan.log"} <= set(page.addresses)
    for address in page.addresses:
        if address.startswith("#"):
            assert address[1:] in page.ids
        else:
            assert not re.match(r"[a-z]+:|/|\.\.", address), address
            assert (full_run / unquote(address)).is_file(), address


def test_the_index_loads_nothing_from_elsewhere_and_runs_no_script(full_run: Path, desk_file: Path) -> None:
    make_all(full_run, desk_file)
    text = (full_run / "index.html").read_text(encoding="utf-8")
    page = Links()
    page.feed(text)
    assert not page.tags & {"script", "link", "iframe", "object", "form", "b>"}
    assert "://" not in text and "@import" not in text and "url(" not in text


def test_a_name_with_markup_is_shown_not_obeyed(full_run: Path, desk_file: Path) -> None:
    make_all(full_run, desk_file)
    assert "<b>전자" not in (full_run / "index.html").read_text(encoding="utf-8")
    assert "<b>전자" not in (full_run / "reports/scan.md").read_text(encoding="utf-8")


def test_the_desks_label_stands_on_every_page(full_run: Path, desk_file: Path) -> None:
    make_all(full_run, desk_file)
    for name in ("index.html", "reports/scan.md", "reports/daily.md", "reports/ops.md", "reports/golive.md"):
        assert "made-up prices" in (full_run / name).read_text(encoding="utf-8")


def test_the_pictures_are_neither_blank_nor_big(full_run: Path, desk_file: Path) -> None:
    make_all(full_run, desk_file)
    names = {"price_SAMPLE_AAA_1d.png", "equity_krw.png", "setups_expectancy.png"}
    assert {path.name for path in (full_run / "reports").glob("*.png")} == names
    for name in names:
        width, height, colours = pixels(full_run / "reports" / name)
        assert 700 <= width <= 1100 and 200 <= height <= 600
        assert len(colours) > 50
        assert (full_run / "reports" / name).stat().st_size < 120_000


def test_the_same_data_gives_the_same_bytes(full_run: Path, desk_file: Path) -> None:
    make_all(full_run, desk_file)
    first = {path.name: path.read_bytes() for path in (full_run / "reports").glob("*.png")}
    make_all(full_run, desk_file)
    assert first == {path.name: path.read_bytes() for path in (full_run / "reports").glob("*.png")}


def test_the_scan_page_tells_signals_and_what_is_stale(full_run: Path, desk_file: Path) -> None:
    make_all(full_run, desk_file)
    text = (full_run / "reports/scan.md").read_text(encoding="utf-8")
    assert "1 signal on 2 instruments (1 ok, 1 stale)." in text
    assert "sma20 62,010 > sma60 61,400 \\| crossed" in text
    assert re.search(r"\| AAA .*\| +62,540 +\| +\+2\.13 % \|", text)
    assert re.search(r"\| BBB .*\| stale +\|", text)


def test_the_scan_page_says_what_has_to_be_known_without_the_mark_of_the_log(full_run: Path, desk_file: Path) -> None:
    path = full_run / "reports/scan.json"
    scan = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(
        json.dumps({**scan, "instruments": scan["instruments"][:1], "notes": ["[WARN] AAA:1d is left out"]}),
        encoding="utf-8",
    )
    assert report_scan.main(["--desk", str(desk_file), "--out", str(full_run)]) == 0
    text = (full_run / "reports/scan.md").read_text(encoding="utf-8")
    assert "1 signal on 1 instrument (1 ok)." in text
    assert "**AAA:1d is left out.**" in text and "[WARN]" not in text


def test_the_ops_page_tells_each_step_with_its_outcome_and_each_oddity(full_run: Path, desk_file: Path) -> None:
    make_all(full_run, desk_file)
    text = (full_run / "reports/ops.md").read_text(encoding="utf-8")
    assert "Of 3 steps before this report 1 failed (import_bars) and 1 skipped (queue_signals)." in text
    assert "'BBB.csv' line 3: high below low" in text
    assert re.search(r"\| AAA +\| 1d +\| cleaned +\| zero-volume day \| +3 \| 2024-01-04", text)
    assert re.search(r"\| BBB .*\| behind", text)


def test_the_ops_page_shows_the_last_runs_of_all_jobs_and_passes_over_a_torn_line(
    full_run: Path, desk_file: Path
) -> None:
    logs = desk_file.parent / "logs"
    logs.mkdir()
    whole = '{"job":"ingest","instance":"BTC","session":"2026-11-20","start":1795182161,"end":1795182169,"code":69,'
    whole += '"outcome":"skip:external"}'
    (logs / "history.jsonl").write_text(f'{{"job": "torn", "sta\n{whole}\n', encoding="utf-8")
    make_all(full_run, desk_file)
    text = (full_run / "reports/ops.md").read_text(encoding="utf-8")
    assert "| 2026-11-20 13:42 | ingest/BTC | 2026-11-20 | skip:external |   69 |       8 |" in text
    assert "torn" not in text


def test_the_daily_page_counts_rises_and_falls_and_the_account_day(full_run: Path, desk_file: Path) -> None:
    make_all(full_run, desk_file)
    text = (full_run / "reports/daily.md").read_text(encoding="utf-8")
    assert "1 signal; of 1 instrument 1 rose and 0 fell." in text
    # by hand: 1 + 0.0005*299 + 0.03*sin(299/17) = 1.1495 - 0.0286 = 1.1209, for 298: 1.149 - 0.0291 = 1.1199; +0.09 %
    assert re.search(r"\| krw +\| constrained +\| 2026-11-20 \| 112,09\d,\d{3} \| +\+0\.09 % \| +\+14\.90 % \|", text)


def test_a_run_without_any_input_still_gets_every_page(empty_run: Path, desk_file: Path) -> None:
    make_all(empty_run, desk_file, session=False)
    for name in ("scan", "daily", "ops", "golive"):
        assert "is not there" in (empty_run / f"reports/{name}.md").read_text(encoding="utf-8")
    assert "an unknown session" in (empty_run / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "torn", ["reports/scan.json", "backtests/setups.json", "portfolio/krw/constrained/metrics.json"]
)
def test_a_torn_input_is_named_on_a_page_and_stops_nothing(full_run: Path, desk_file: Path, torn: str) -> None:
    whole = (full_run / torn).read_bytes()
    (full_run / torn).write_bytes(whole[: len(whole) // 2])
    make_all(full_run, desk_file)
    assert torn in (full_run / "index.html").read_text(encoding="utf-8")


def test_a_curve_with_a_short_line_is_named(full_run: Path, desk_file: Path) -> None:
    with (full_run / "portfolio/krw/constrained/equity_curve.csv").open("a", encoding="utf-8") as handle:
        handle.write("2026-11-21,1795\n")
    make_all(full_run, desk_file)
    assert "line 302 has not as many cells" in (full_run / "reports/golive.md").read_text(encoding="utf-8")
