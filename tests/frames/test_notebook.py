"""docs/frames.ipynb is executed as it stands, cell by cell, in a folder that is like the root of a clone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pyjobs import check_strategy
from tests.frames.conftest import DESK
from utils import paths

NOTEBOOK = paths.ROOT / "docs" / "frames.ipynb"


def test_every_cell_runs_and_its_strategy_passes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    for folder in ("strategies", "config"):
        (home / folder).mkdir(exist_ok=True)
    (home / DESK).write_bytes((paths.ROOT / DESK).read_bytes())
    shown, world = [], dict[str, Any]()
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            shown.append(ran("".join(cell["source"]), world))
    assert sum(isinstance(each, pd.DataFrame) and not each.empty for each in shown) >= 12
    assert check_strategy.main(["my_trend", "--param", "margin=0.01"]) == 0


def ran(text: str, world: dict[str, Any]) -> Any:
    """What a cell shows: the value of its last line, where that is an expression. `%%writefile` as Jupyter does it."""
    first, _, rest = text.partition("\n")
    if first.startswith("%%writefile "):
        Path(first.split()[1]).write_text(rest + "\n", encoding="utf-8")
        return None
    *before, last = compile_lines(text)
    exec(compile("\n".join(before), "cell", "exec"), world)
    try:
        return eval(compile(last, "cell", "eval"), world)
    except SyntaxError:
        exec(compile(last, "cell", "exec"), world)
        return None


def compile_lines(text: str) -> list[str]:
    """The cell's statements, so that the last one can be looked at."""
    import ast

    return [ast.unparse(node) for node in ast.parse(text).body]


def test_no_cell_keeps_what_it_once_showed() -> None:
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None
