"""Tables line up, and numbers read as people write them."""

from __future__ import annotations

import pytest

from pyjobs.reporting import numbers
from pyjobs.reporting.document import Page, Section, Table, Text, markdown
from tests.support import hostile
from utils.tables import Column, display_width, markdown_table, text_table

COLUMNS = [Column("symbol"), Column("close", right=True)]


def test_a_text_table_lines_up_also_with_korean_names() -> None:
    assert text_table(COLUMNS, [["삼성전자", "71,300"], ["AAA", "9.5"]]) == (
        "symbol     close\n"  # the name is eight columns wide
        "삼성전자  71,300\n"
        "AAA          9.5\n"
    )


def test_a_markdown_table_aligns_numbers_right_and_escapes_what_would_break_it() -> None:
    assert markdown_table(COLUMNS, [["a|b\nc", "1"], ["<i>", "22"]]) == (
        "| symbol | close |\n| ------ | ----: |\n| a\\|b c |     1 |\n| &lt;i> |    22 |\n"
    )


def test_a_table_without_rows_is_its_heading() -> None:
    assert text_table(COLUMNS, []) == "symbol  close\n"


def test_wide_and_combining_characters_are_measured_as_shown() -> None:
    assert [display_width(text) for text in ("abc", "한글", "e\u0301")] == [3, 4, 1]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (numbers.percent(0.1234), "12.3 %"),
        (numbers.percent(-0.5, 0), "-50 %"),
        (numbers.percent(None), "–"),
        (numbers.change(0.0123), "+1.23 %"),
        (numbers.change(-0.0123), "-1.23 %"),
        (numbers.change(0.0), "0.00 %"),
        (numbers.change(-0.00001), "0.00 %"),
        (numbers.change(12.5, 0), "+1,250 %"),
        (numbers.count(1234567), "1,234,567"),
        (numbers.count(None), "–"),
        (numbers.price(71300.0), "71,300"),
        (numbers.price(6920.0), "6,920"),
        (numbers.price(3250.26), "3,250.26"),
        (numbers.price(45.5), "45.50"),
        (numbers.price(1.08424), "1.0842"),
        (numbers.price(None), "–"),
        (numbers.interval(-0.004, 0.01, numbers.change), "-0.40 … +1.00 %"),
        (numbers.interval(None, 0.01, numbers.change), "–"),
        (numbers.megabytes(1_500_000), "1.50 MB"),
        (numbers.utc_time(1_795_156_200_000), "2026-11-20 06:30"),
    ],
)
def test_a_number_reads_as_people_write_it(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_what_others_wrote_is_text_in_markdown_too(text: str) -> None:
    page = Page(
        name="p",
        title=text,
        summary=text,
        sections=[Section(title=text, blocks=[Text(text), Table(columns=[Column("a")], rows=[[text]])])],
    )
    written = markdown(page, label=text)
    assert "<" not in written.replace("&lt;", "") and "](" not in written and "![" not in written.replace("!\\[", "")
    assert all(line.isprintable() for line in written.split("\n"))
    assert not any(line.startswith(("[END]", "2026-")) for line in written.split("\n"))
