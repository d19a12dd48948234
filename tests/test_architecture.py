"""The house: imports point one way, verbs and nouns keep apart, files stay small, nothing of one machine is kept."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {  # each package, and what of ours it may import besides itself
    "utils": set(),
    "pyjobs.market": {"utils"},
    "pyjobs.strategy": {"pyjobs.market.bars"}
    | {f"utils.{each}" for each in ("alarm", "errors", "foreign_text", "native", "paths")},
    "pyjobs.account": {"utils", "pyjobs.market", "pyjobs.strategy"},
    "pyjobs.scanning": {"utils", "pyjobs.market", "pyjobs.strategy", "pyjobs.account"},
    "pyjobs.live": {"utils", "pyjobs.market", "pyjobs.strategy", "pyjobs.account"},
    "pyjobs.runs": {"utils", "pyjobs.market", "pyjobs.strategy", "pyjobs.account", "pyjobs.live"},
    "pyjobs.machines": {"utils", "pyjobs.runs"},
    "pyjobs.frames": {"utils", "pyjobs.market", "pyjobs.strategy", "pyjobs.account", "pyjobs.runs"},
    "pyjobs.reporting": {
        "utils",
        "pyjobs.market",
        "pyjobs.strategy",
        "pyjobs.account",
        "pyjobs.scanning",
        "pyjobs.runs",
    },
}
FLOORS = {  # the rooms of a package, from the ground up: each may import those below it
    "utils": (
        "exception_classes exit_codes foreign_text history paths progress wording",
        "errors tables",
        "alarm cli clock exception_kinds files",
        "native run settings trading_day",
        "csv_text pieces schedule wall_clock",
    ),
    "pyjobs.market": (
        "bars times provider_names krx_ticks",
        "arrow chained desks exchanges",
        "cache calendars sample seen",
        "store",
        "mirror",
        "desk",
        "dumps",
        "providers",
        "ingest",
        "benchmarks",
        "universe",
        "checks",
    ),
    "pyjobs.market.providers": (
        "base wire",
        "own_events units",
        "bitfinex_quotes identity rows webcache",
        "asking bitfinex krx_board local workers",
        "alpaca krx_stock quotes yahoo",
    ),
    "pyjobs.account": ("engine_flags sweep_axes portfolio", "figures single", "desk"),
    "pyjobs.live": (
        "journal kill_switch scheduler",
        "deciding",
        "spec",
        "config splits",
        "feed",
        "limits",
        "step equal health",
        "golive",
    ),
    "pyjobs.runs": (
        "cache_retention job_history log_retention nights released retention run_folder units",
        "forecast pins provenance sealed timetable",
        "witness",
        "manifest",
        "backtests verdict",
        "alerts prune",
    ),
    "pyjobs.reporting": (
        "fonts numbers run_files",
        "account_figures charts document fetches nights setup_figures",
        "account_text command drawing price_pictures scans strips",
        "html",
        "sheet",
        "backtests pages",
        "machine",
    ),
}
PURE = {"numpy", "numba"}  # what strategy/ may import besides the standard library
NETWORK = {"requests", "urllib3", "urllib.request", "http.client", "yfinance", "curl_cffi", "ccxt", "pykrx", "alpaca"}
CLOCKS_AND_FILES = {"time", "datetime", "os", "pathlib", "random", "socket", "subprocess", "io", "tempfile"}


def tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", pattern], cwd=ROOT, capture_output=True, text=True
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """All nodes of a file's syntax tree, read once for all tests."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imports_of(path: Path) -> set[str]:
    """Every module a file imports, at the top or inside a function; `from a import b` counts as a and a.b."""
    found: set[str] = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


NOUNS = [path for package in MAY_IMPORT for path in sorted((ROOT / package.replace(".", "/")).rglob("*.py"))]
VERBS = sorted(path for path in (ROOT / "pyjobs").glob("*.py") if not path.name.startswith("__"))


@pytest.mark.parametrize("path", NOUNS, ids=lambda path: module_name(path))
def test_imports_point_one_way(path: Path) -> None:
    own = next(package for package in MAY_IMPORT if within(module_name(path), package))
    allowed = MAY_IMPORT[own] | {own}
    ours = {name for name in imports_of(path) if name.split(".")[0] in ("utils", "pyjobs", "jobs", "tests")}
    wrong = {name for name in ours if not any(within(name, a) or within(a, name) for a in allowed)}
    assert not wrong


@pytest.mark.parametrize("package", FLOORS)
def test_rooms_of_a_package_import_downwards_only(package: str) -> None:
    floor_of = {room: number for number, rooms in enumerate(FLOORS[package]) for room in rooms.split()}
    folder = ROOT / package.replace(".", "/")
    assert {path.stem for path in folder.iterdir() if path.suffix == ".py" or [*path.glob("*.py")]} - {
        "__init__",
        "__pycache__",
    } <= set(floor_of)
    for path in sorted(folder.rglob("*.py")):
        own = path.relative_to(folder).with_suffix("").parts[0]
        if own == "__init__":
            continue
        rooms = {name.removeprefix(f"{package}.").split(".")[0] for name in imports_of(path) if within(name, package)}
        above = {room for room in rooms & set(floor_of) - {own} if floor_of[room] >= floor_of[own]}
        assert not above, f"{path}: {above}"


def test_the_tests_have_the_rooms_of_what_they_test() -> None:
    of_no_package = {"bench", "fakemarket", "golden", "judge", "one_by_one", "shell", "verbs"}
    for folder in {path.parent for path in tracked("tests/*/*.py")}:
        at = folder.relative_to(ROOT / "tests")
        at = at.parent if at.name == "support" else at
        assert (
            not at.parts or at.parts[0] in of_no_package or (ROOT / "pyjobs" / at).is_dir() or (ROOT / at).is_dir()
        ), at


def test_what_helps_tests_lies_in_support() -> None:
    elsewhere = ROOT / "tests/market/postgres.py"  # a name that trials outside of this repository go by
    for path in (each for each in tracked("tests/*.py") if each != elsewhere):
        at = path.relative_to(ROOT / "tests")
        helps = not path.name.startswith("test_") and path.name != "conftest.py"
        assert not helps or at.parts[0] in {"bench", "fakemarket"} or at.parent.name == "support", at


def test_no_room_is_overfull() -> None:
    for folder in {path.parent for path in NOUNS if "library" not in path.parts}:
        assert len(list(folder.glob("*.py"))) <= (18 if folder.parent == ROOT else 16), folder


@pytest.mark.parametrize("path", VERBS, ids=lambda path: path.stem)
def test_a_verb_imports_no_verb_and_has_the_shape_of_one(path: Path) -> None:
    others = {f"pyjobs.{verb.stem}" for verb in VERBS}
    assert not imports_of(path) & others
    source = path.read_text(encoding="utf-8")
    tree = nodes_of(path)[0]
    assert isinstance(tree, ast.Module) and (ast.get_docstring(tree) or "").strip()
    assert any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)
    assert source.rstrip().endswith("sys.exit(run(main))")


def test_the_decision_core_sees_no_clock_no_file_no_network_and_no_chance() -> None:
    for path in sorted((ROOT / "pyjobs/strategy").rglob("*.py")):
        foreign = {name.split(".")[0] for name in imports_of(path)}
        assert not foreign & CLOCKS_AND_FILES, path
        assert not foreign & {"pandas", "pyarrow", "requests", "yaml"}, path


def test_only_providers_talk_to_the_network() -> None:
    for path in tracked("*.py"):
        if {"tests", "providers", "alerts"} & set(path.parts):  # alerts: what tells a person, and asks for nothing
            continue
        assert not imports_of(path) & NETWORK, path


def test_nothing_is_both_a_verb_and_a_noun() -> None:
    packages = {path.name for path in (ROOT / "pyjobs").iterdir() if path.is_dir()}
    assert not packages & {path.stem for path in VERBS}


def test_the_supervisor_needs_only_the_standard_library() -> None:
    allowed = {
        "_signal",
        "_ctypes",
        "fcntl",
        "os",
        "select",
        "time",
        "json",
        "code_lock",
        "_thread",
        "job_log",
        "job_run",
        "process_tree",
        "sys",
        "survivors",
        "utils",
    }
    for path in sorted((ROOT / "jobs").glob("*.py")):
        assert {name.split(".")[0] for name in imports_of(path)} <= allowed | {"judge"}, path


def test_the_judge_of_foreign_programs_reaches_neither_our_jobs_nor_anything_but_the_standard_library() -> None:
    rooms = {path.stem for path in (ROOT / "jobs/judge").glob("*.py")}
    standard = {"__future__", "collections", "dataclasses", "pathlib", "re", "tomllib", "typing"}
    for path in sorted((ROOT / "jobs/judge").glob("*.py")):
        ours = {name for name in imports_of(path) if within(name, "utils")}
        assert {name.split(".")[0] for name in imports_of(path)} <= standard | rooms | {"utils"}, path
        assert all(within(name, "utils.exception_classes") for name in ours - {"utils"}), path
    importing = re.compile(r"^\s*(from|import) (jobs\.)?judge\b", re.MULTILINE)
    assert [path for path in [*NOUNS, *VERBS] if importing.search(path.read_text(encoding="utf-8"))] == []


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


FOR_OTHERS = {
    "ema": "an indicator for strategies of one's own",
    "returns": "an indicator for strategies of one's own",
    "is_trading_day": "the contract has it",
    "in_trading_hours": "the contract has it",
    "MEANING": "the table of the runbook is held equal to it",
    "ACTIONS": "what a column of a journal may hold, for a reader",
    "REASONS": "what a column of a journal may hold, for a reader",
}
"""What only tests call, and why it is there all the same."""


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
