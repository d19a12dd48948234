"""Config files: an error names file, line, key and value."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from tests.support import hostile
from utils.errors import ConfigError
from utils.settings.config import first_existing, load_yaml, own_or_default


class Part(msgspec.Struct, forbid_unknown_fields=True):
    size: int
    name: str = ""


class Whole(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    parts: dict[str, Part] = {}
    rows: list[Part] = []
    day: str = ""


def refusal(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_yaml(path, Whole)
    assert caught.value.exit_code == 78
    message = str(caught.value)
    assert str(path) in message
    return message.replace(str(path), "c.yaml")


def test_a_good_file_becomes_the_type(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("title: x\nparts:\n  a: {size: 3}\nrows:\n  - size: 1\n    name: é\n", encoding="utf-8")
    assert load_yaml(path, Whole) == Whole(title="x", parts={"a": Part(size=3)}, rows=[Part(size=1, name="é")])


def test_an_unquoted_date_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("title: x\nday: 2013-08-29\n")
    assert load_yaml(path, Whole).day == "2013-08-29"


WRONG: list[tuple[str | bytes, str]] = [
    (
        "title: x\nparts:\n  a: {size: 1}\n  b:\n    size: three\n",
        "c.yaml:5: parts.b.size: wants a whole number, not text (is 'three')",
    ),
    (
        "title: x\nrows:\n  - size: 1\n  - size: 2\n    colour: red\n",
        "c.yaml:5: rows[1].colour: no such key (is 'red')",
    ),
    ("title: x\ncolour: red\n", "c.yaml:2: colour: no such key (is 'red')"),
    (
        "title: x\nrows:\n  - size: 1\n    name: 000660\n",
        "c.yaml:4: rows[0].name: wants text, not a whole number (is '000660')",
    ),
    ("parts: {}\n", "c.yaml: needs `title`"),
    ("title: x\nrows: 5\n", "c.yaml:2: rows: wants a list, not a whole number (is '5')"),
    ("title: x\nparts:\n  a:\n    name: n\n", "c.yaml:3: parts.a: needs `size`"),
    ("title: x\ntitle: y\n", "c.yaml:2: key 'title' is given twice (first on line 1)"),
    ("title: x\nparts:\n  a: {size: 1}\n  a: {size: 2}\n", "c.yaml:4: key 'a' is given twice (first on line 3)"),
    ("title: x\nparts:\n\ta: 1\n", "c.yaml:3: not valid YAML: indented with a tab; use spaces"),
    ("title: [x\n", "c.yaml:2: not valid YAML: "),
    ("", "c.yaml: wants keys with values, not nothing"),
    ("- 1\n", "c.yaml: wants keys with values, not a list"),
    ("a: 1\n---\nb: 2\n", "c.yaml:2: not valid YAML: "),
    (b"\xff\xfe", "c.yaml: not UTF-8 text (byte 0)"),
    ("title: !!python/object:os.system x\n", "c.yaml:1: not valid YAML: could not determine a constructor"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_wrong_file_is_refused_with_line_key_and_value(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert refusal(tmp_path, text).startswith(expected)


def test_an_absent_file_and_a_folder_are_config_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_yaml(tmp_path / "none.yaml", Whole)
    with pytest.raises(ConfigError, match="cannot read: Is a directory"):
        load_yaml(tmp_path, Whole)


def test_the_first_file_that_exists_is_taken(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("")
    assert first_existing(tmp_path / "a", tmp_path / "b") == tmp_path / "b"
    with pytest.raises(ConfigError, match=r"a, .*c"):
        first_existing(tmp_path / "a", tmp_path / "c")


def test_contracts_6_the_watchlist_in_secret_wins_over_the_repository_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    default = own_or_default("watchlist.yaml")
    assert default.parent.name == "config"
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "watchlist.yaml").write_text("symbols: []\n")
    assert own_or_default("watchlist.yaml") == tmp_path / "secret" / "watchlist.yaml"


@pytest.mark.parametrize("symbol", ["000660", "NO", "ON", "NULL", "1.5"])
def test_a_symbol_that_yaml_reads_as_something_else_says_to_quote_it(tmp_path: Path, symbol: str) -> None:
    path = tmp_path / "d.yaml"
    path.write_text(f"title: {symbol}\nrows: []\n")
    with pytest.raises(ConfigError, match=f'quote it: "{symbol}"'):
        load_yaml(path, Whole)


@pytest.mark.parametrize("text", hostile.YAML.values(), ids=hostile.YAML)
def test_hostile_yaml_is_refused_in_a_short_printable_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as refusal:
        load_yaml(path, Whole)
    told = str(refusal.value).removeprefix(str(path))
    assert told.isprintable() and len(told) < 800


def test_an_anchor_and_its_alias_are_fine_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: &n 1\nb: *n\n")
    assert load_yaml(path, dict) == {"a": 1, "b": 1}


def test_a_pipe_is_no_config_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match="is a pipe or a device"):
        load_yaml(tmp_path / "x.yaml", Whole)


def long_text(rows: int, size: object = 1) -> str:
    return "title: long\nrows:\n" + "".join(f"  - {{size: {size}, name: part number {n}}}\n" for n in range(rows))


def test_a_long_file_is_parsed_once_and_its_values_are_those_of_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    path = tmp_path / "c.yaml"
    path.write_text(long_text(2000))
    first = load_yaml(path, Whole)
    (values,) = (tmp_path / "data/cache/yaml").iterdir()
    assert values.stat().st_mode & 0o777 == 0o600
    made = values.stat().st_mtime_ns
    assert load_yaml(path, Whole) == first
    assert [row.name for row in first.rows] == [f"part number {n}" for n in range(2000)]
    assert values.stat().st_mtime_ns == made  # kept, not made again

    path.write_text(long_text(2000, size=2))  # of the same length
    assert load_yaml(path, Whole).rows[-1] == Part(size=2, name="part number 1999")

    values.write_bytes(values.read_bytes()[:-1] + b"\0")  # a disk that lies
    assert load_yaml(path, Whole).rows[-1].size == 2
    path.write_text(long_text(2000, size="big"))
    with pytest.raises(ConfigError, match=r"c\.yaml:3: rows\[0\]\.size: wants a whole number"):
        load_yaml(path, Whole)
    path.write_text(long_text(2000))
    load_yaml(path, Whole)
    with pytest.raises(ConfigError, match=r"c\.yaml:1: title: .*no such key"):
        load_yaml(path, Part)
