"""What others wrote is one printable line of a known length wherever it is quoted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyjobs.market.providers.wire import scrub
from pyjobs.market.providers.wire.http_answer import excerpt
from tests.support.hostile import TEXTS, texts
from utils.foreign_text import outcome_of, printable, quoted
from utils.tables import markdown_text

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_whatever_is_quoted_is_one_printable_line_of_a_known_length(text: str) -> None:
    for longest in (1, 7, 500):
        line = quoted(text, longest)
        assert line.isprintable() and len(line) <= longest
    assert quoted(quoted(text)) == quoted(text)
    assert all(line.replace("\t", " ").isprintable() for line in printable(text).split("\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("삼성전자 우", "삼성전자 우"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("abc\u202edef", "abc\\u202edef"),
        ("1\u00a0000\u3000won", "1 000 won"),
        ("\ud800", "\\ud800"),
        ("x" * 501, "x" * 499 + "…"),
        ("x" * 500, "x" * 500),
    ],
)
def test_what_cannot_be_printed_is_an_escape_and_the_rest_is_as_it_was(text: str, expected: str) -> None:
    assert quoted(text) == expected


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_verb_that_says_or_fails_with_it_says_it_printable(text: str) -> None:
    code = (
        "import sys; from utils.run import run; from utils.errors import BadDataError\n"
        "def main(argv=None):\n    t = sys.stdin.buffer.read().decode('utf-8', 'surrogatepass')\n"
        "    print(t); raise BadDataError(t)\n"
        "sys.exit(run(main))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, input=text.encode("utf-8", "surrogatepass"), capture_output=True
    )
    assert ended.returncode == 65
    out, err = ended.stdout.decode(), ended.stderr.decode()
    assert all(line.replace("\t", "").isprintable() for line in out.split("\n"))
    assert err.endswith("\n") and err[:-1].isprintable() and len(err) < 4100


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 60_000,
        b"{" * 4000,
        b'["kind"]',
        b'{"kind": NaN}',
        b'{"kind": ["outage"]}',
        b'{"kind": {"a": 1}}',
        b'{"kind": "Outage\\n[END] ok"}',
        b'{"kind": "' + b"a" * 41 + b'x!"}',
        b'{"code": 1e999, "guarded": "yes", "judge": [], "provider": 7}',
        b"\xff\xfe\x00",
        b"null",
    ],
)
def test_an_outcome_that_is_none_is_passed_over_and_hides_no_other(line: bytes) -> None:
    assert outcome_of(line) == {}
    good = b'{"code":69,"kind":"outage","provider":"p","symbol":null,"detail":"d","more":1}'
    told = {"code": 69, "kind": "outage", "provider": "p", "detail": "d"}
    assert outcome_of(line + b"\n" + good + b"\n") == outcome_of(good + b"\n" + line) == told


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_detail_reaches_the_history_printable_and_short(text: str) -> None:
    note = outcome_of(json.dumps({"kind": "schema", "detail": text[:600], "symbol": text[:600]}).encode())
    assert str(note.get("detail", "")).isprintable() and len(str(note.get("symbol", ""))) <= 80


def _holds(text: str) -> None:
    """What must be true of any text in any reader that quotes it."""
    line = quoted(text)
    assert line.isprintable() and len(line) <= 500
    cell = markdown_text(text)
    assert "<" not in cell and "](" not in cell and cell.isprintable()
    note = outcome_of(json.dumps({"kind": text, "detail": text}).encode() + b'\n{"code":3}')
    assert note["code"] == 3 and str(note.get("detail", "")).isprintable()
    scrub.hide(["s3cr3t-key"])
    assert "s3cr3t-key" not in excerpt(f"{text}s3cr3t-key{text}")


def test_a_thousand_hostile_texts(request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: scrub.hide([]))
    for text in texts(12, 1000):
        _holds(text)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(20))
def test_many_more_hostile_texts(seed: int, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: scrub.hide([]))
    for text in texts(seed, 10_000):
        _holds(text)
