"""Whatever stands in a file, its reader returns something or says one clear, printable line; nothing is a traceback."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.one_by_one.support.going import Late, bounded
from tests.one_by_one.support.spoiling import some, spoiled
from tests.one_by_one.support.state_table import ROWS, Reader
from utils.errors import NightdeskError
from utils.foreign_text import LONGEST_MESSAGE
from utils.run import exit_code_for, one_line

ROOT = Path(__file__).resolve().parents[2]
FEW = 40


def wrong(reader: Reader, home: Path, tried: list[tuple[str, bytes]]) -> list[str]:
    """What the reader does with some contents that it must not."""
    path, found = home / reader.path, []
    path.parent.mkdir(parents=True, exist_ok=True)
    for what, content in tried:
        path.write_bytes(content)
        path.chmod(0o600)
        try:
            with bounded():
                reader.read(home)
        except (NightdeskError, OSError, *reader.also) as error:
            line = one_line(error)
            bug = exit_code_for(error) in (1, 3) and not reader.also
            if bug or not line.isprintable() or len(line) > LONGEST_MESSAGE + 100:
                found.append(f"{what}: exit {exit_code_for(error)}: {line[:200]!r}")
        except (Exception, Late) as error:  # noqa: BLE001  # the next content is tried, too
            found.append(f"{what}: {type(error).__name__}: {str(error)[:150]!r}")
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    for name in ("KRX_PW", "KRX_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ROWS)
def test_what_is_as_it_should_be_is_read(name: str, home: Path) -> None:
    assert wrong(ROWS[name], home, [("good", ROWS[name].good.encode())]) == []


@pytest.mark.parametrize("name", ROWS)
def test_whatever_stands_there_is_read_or_named(name: str, home: Path) -> None:
    assert wrong(ROWS[name], home, some(ROWS[name].good.encode(), ROWS[name].kind, FEW, seed=12)) == []


@pytest.mark.torture
@pytest.mark.parametrize("name", ROWS)
def test_all_that_may_stand_there_is_read_or_named(name: str, home: Path) -> None:
    tried = list(spoiled(ROWS[name].good.encode(), ROWS[name].kind))
    found = wrong(ROWS[name], home, tried)
    print(f"{name}: {len(tried)} contents")
    assert found == []


READS = {
    "held_bytes", "held_text", "opened_csv", "bytes_of", "read_json", "load_yaml", "name_values", "loads",
    "json.decode", "csv.reader", "csv.DictReader", "sqlite3.connect", "tarfile.open", "zipfile.ZipFile",
    "gzip.open", "load_workbook", "ParquetFile", "read_table",
}  # fmt: skip
ELSEWHERE = Path(__file__).with_name("elsewhere.txt")


def readers() -> set[str]:
    """`file function` of whoever takes a file's or a process's bytes apart."""
    found = set()
    for path in (each for folder in ("pyjobs", "utils", "jobs") for each in sorted((ROOT / folder).rglob("*.py"))):
        waiting: list[tuple[ast.AST, str]] = [(ast.parse(path.read_text(encoding="utf-8")), "")]
        while waiting:
            node, name = waiting.pop()
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                name = f"{name}.{node.name}" if name else node.name
            last = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
            of = getattr(getattr(node.func, "value", None), "attr", "") if isinstance(node, ast.Call) else ""
            of = of or getattr(getattr(getattr(node, "func", None), "value", None), "id", "")
            if name and {last, f"{of}.{last}"} & READS:
                found.add(f"{path.relative_to(ROOT).as_posix()} {name}")
            waiting += [(each, name) for each in ast.iter_child_nodes(node)]
    return found


def test_every_reader_has_a_row_here_or_is_tried_elsewhere() -> None:
    found, known = readers(), {}
    for line in ELSEWHERE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            names, _, proof = line.partition(" by ")
            file, _, functions = names.partition(": ")
            known |= {f"{file} {name}": proof for name in functions.split()}
    tried = {each for each in found if any(f"/{each}".endswith(f"/{row}") for row in ROWS)}
    assert sorted(found - tried - set(known)) == [], "give it a row in a table here, or a line in elsewhere.txt"
    assert sorted(set(known) - found) == [], "no such reader any more"
    assert [proof for proof in known.values() if proof and not (ROOT / proof).exists()] == []
