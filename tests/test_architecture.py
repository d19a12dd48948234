"""The house: imports point one way, verbs and nouns keep apart, files stay small, nothing of one machine is kept."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.architecture import ROOT, imports_of, module_name, nodes_of, tracked

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


"""What only tests call, and why it is there all the same."""
