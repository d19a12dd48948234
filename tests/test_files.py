"""What a file may hold: short functions, nothing that only tests call, shell for a NAS, nothing of one machine."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.architecture import ROOT, imports_of, module_name, nodes_of, tracked
from tests.support.runbook import OF_PERSONS


@pytest.mark.parametrize(
    "path", [p for p in tracked("*.py") if "tests" not in p.parts], ids=lambda path: module_name(path)
)
def test_a_file_hides_no_two_things(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 300
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            size = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert size <= 40, f"{node.name}: {size} lines"


def test_in_docstrings_and_messages_nothing_is_told_said_or_beside_something() -> None:
    """Only a person is: values are printed, listed or returned, and things are next to each other.

    A text without a blank is a name.
    """
    for path in tracked("*.py"):
        for node in () if "tests" in path.parts else nodes_of(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                prose = re.sub(r"`[^`]*`", "", node.value)
                assert not OF_PERSONS.search(prose), f"{path}:{node.lineno}: {prose}"


FOR_OTHERS = {
    "ema": "an indicator for strategies of one's own",
    "returns": "an indicator for strategies of one's own",
    "is_trading_day": "the contract has it",
    "in_trading_hours": "the contract has it",
    "MEANING": "the table of the runbook is held equal to it",
    "ACTIONS": "what a column of a journal may hold, for a reader",
    "REASONS": "what a column of a journal may hold, for a reader",
}


def test_nothing_is_there_that_only_tests_call() -> None:
    """Functions, classes and constants of a module: used in it, or by another one, by import or by a path in a text."""
    code = [path for path in tracked("*.py") if "tests" not in path.parts]
    used, attributes = set[str](), set[str]()
    for path in code:
        modules = modules_by_name(path)
        used |= imports_of(path)
        for node in nodes_of(path):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                used.add(f"{module_name(path)}.{node.id}")
            elif isinstance(node, ast.Attribute):
                attributes.add(node.attr)
                if isinstance(node.value, ast.Name) and node.value.id in modules:
                    used.add(f"{modules[node.value.id]}.{node.attr}")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                used.add(node.value)  # providers, and what a strategy's file must have, are found by a text
    idle = []
    for path in code:
        module = module_name(path)
        parts = module.split(".")  # the files of jobs/ import each other by their names alone
        aliases = [".".join(parts[at:]) for at in range(len(parts) if parts[0] == "jobs" else 1)]
        names = defined_in(path) - {"main", *FOR_OTHERS}
        by_text = {name for name in names if name[:1].isupper()} & used
        idle += [f"{module}.{name}" for name in names - by_text if not {f"{each}.{name}" for each in aliases} & used]
        for node in nodes_of(path):
            if isinstance(node, ast.ClassDef):
                methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
                idle += [f"{module}.{name}" for name in methods - attributes - FOR_OTHERS.keys() if name[:2] != "__"]
    assert not idle, "\n".join(sorted(idle))


def modules_by_name(path: Path) -> dict[str, str]:
    """What the imports of a file name, by the names they have there."""
    found: dict[str, str] = {}
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def defined_in(path: Path) -> set[str]:
    tree = nodes_of(path)[0]
    assert isinstance(tree, ast.Module)
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    return {name for name in found | {each.id for each in targets if isinstance(each, ast.Name)} if name[:2] != "__"}


def test_every_shell_file_is_short_executable_and_begins_the_same_way() -> None:
    for path in [*tracked("batch/*"), *tracked("jobs/*.sh"), ROOT / "nightdesk"]:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 100, path
        if path.name in ("lib.sh", "add.sh", "enter.sh", "busy.sh", "desk.sh", "anywhere.sh", "unless_configured.sh"):
            continue
        assert lines[0] == "#!/usr/bin/env bash", path
        assert lines[1] == '[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"', path
        assert lines[2].startswith("# Summary: ") and lines[3].startswith("# Usage: "), path
        assert path.stat().st_mode & 0o111, path


def test_nas_userlands_can_run_the_shell_files() -> None:
    banned = re.compile(
        r"readlink -f|grep -[a-zA-Z]*P|sed -i|\bdate -d|find .*-printf|\btac\b|\bmapfile -d|\|&|\bcoproc\b"
    )
    for path in [*tracked("batch/*"), *tracked("jobs/*.sh")]:
        assert not banned.search(path.read_text(encoding="utf-8")), path


def test_nothing_of_one_machine_is_committed() -> None:
    odd = re.compile(r"/work/|/root/|/home/(?!user\b)[a-z]+/|10\.0\.0\.(?:12|82)|192\.168\.178")
    for path in tracked("*"):
        if path.suffix in (".png", ".tsv") or "corpus" in path.parts or path == Path(__file__).resolve():
            continue
        found = odd.search(path.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{path}: {found.group() if found else ''}"


def test_no_file_holds_the_marks_of_a_merge() -> None:
    for pattern in ("*.py", "*.md", "*.sh", "*.yaml", "*.toml"):
        for path in tracked(pattern):
            assert not re.search(r"^(?:<{7}|>{7}) ", path.read_text(encoding="utf-8"), re.M), path


def test_the_locks_have_hashes_and_no_index_address() -> None:
    for path in sorted(ROOT.glob("requirements-*.txt")):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text and "--index" not in text and "--find-links" not in text, path
