"""No folder that a person may have mounted is listed without an end: who lists one asks first whether it answers."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LISTS = {"iterdir", "glob", "rglob", "listdir", "scandir"}
ASKS = {"must_answer", "out_of_reach", "within", "matching", "files_below"}


def listings(path: Path, root: Path = ROOT) -> set[str]:
    """`file function` of each function that lists a folder and does not ask whether its server answers."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef):
            continue
        calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
        names = {getattr(each.func, "attr", getattr(each.func, "id", "")) for each in calls}
        walks = any(ast.unparse(each.func) == "os.walk" for each in calls)
        if (names & LISTS or walks) and not names & ASKS:
            found.add(f"{path.relative_to(root).as_posix()} {node.name}")
    return found


ASKED_BEFORE = {  # by whoever calls it: `open_store` for bars, the look through all runs, health's own patience
    "pyjobs/machines/fetching.py forget_gone", "pyjobs/machines/snapshot.py sources",
    "pyjobs/market/ingest/questions.py _refuse_other_letters", "pyjobs/market/store/history.py whole",
    "pyjobs/market/store/rebase.py current_files", "pyjobs/market/store/rebase.py finish",
    "pyjobs/market/store/rebase.py tidy", "pyjobs/runs/released.py _links", "pyjobs/runs/released.py differences",
    "pyjobs/runs/sealed.py _walked", "pyjobs/runs/verdict/logs.py newest",
    "pyjobs/runs/verdict/watched.py house_made_s",
    "utils/files/os_files.py _first_in", "utils/files/private.py _looked_at", "utils/history.py read",
}  # fmt: skip
JUST_MADE = {  # folders of this run, in which it writes
    "pyjobs/machines/artifact.py build", "pyjobs/machines/artifact.py only_files", "pyjobs/machines/artifact.py verify",
    "pyjobs/machines/deploying.py checked_out", "pyjobs/machines/deploying.py send", "pyjobs/machines/drill.py _desks",
    "pyjobs/machines/environments.py prune", "pyjobs/machines/environments.py sweep",
    "pyjobs/machines/snapshot.py _sync", "pyjobs/market/providers/krx_stock.py _keep_isins",
    "pyjobs/market/providers/webcache.py save", "pyjobs/runs/run_folder.py sweep_all", "utils/files/atomic.py sweep",
}  # fmt: skip
ON_THE_HOMES_DISK = {  # or the clone's, or the kernel's: the job has its lock and its log there
    "pyjobs/__main__.py jobs", "pyjobs/__main__.py verbs", "pyjobs/live/spec.py code_of",
    "pyjobs/machines/environments.py at_work", "pyjobs/market/ingest/bootstrap.py unit_texts",
    "pyjobs/runs/units.py unit_texts", "pyjobs/runs/verdict/holders.py is_held",
    "pyjobs/strategy/registry.py own_names",
    "pyjobs/uninstall.py _environments", "pyjobs/uninstall.py _units", "utils/files/formats.py empty",
    "utils/pieces/cluster_task.py identity", "utils/trading_day.py known_markets", "jobs/process_tree.py table",
    "jobs/survivors.py has_open", "jobs/update/environment.py forget", "jobs/update/environment.py size_of",
    "jobs/update/switch.py drop",
}  # fmt: skip


def test_who_lists_a_folder_asks_first_whether_its_server_answers() -> None:
    files = [path for folder in ("pyjobs", "utils", "jobs") for path in sorted((ROOT / folder).rglob("*.py"))]
    found, known = set[str]().union(*map(listings, files)), ASKED_BEFORE | JUST_MADE | ON_THE_HOMES_DISK
    assert sorted(found - known) == [], "os_files.matching, files_below, or must_answer before it"
    assert sorted(known - found) == [], "it lists nothing any more, or asks"


def test_a_new_listing_is_found(tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text(
        "def a(folder):\n    return list(folder.iterdir())\n"
        "def b(folder):\n    must_answer(folder)\n    return list(folder.iterdir())\n"
        "def c(folder):\n    return [each for each in os.walk(folder)]\n"
        "def d(folder):\n    return sorted(folder.rglob('*'))\n"
    )
    assert listings(tmp_path / "new.py", tmp_path) == {"new.py a", "new.py c", "new.py d"}
