"""Compiled loops: made once, loaded without the compiler, and made again when anything that decides them changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from utils import native, paths

SOURCE = """
SCALE = {scale}
def scaled(x):
    return x * SCALE
def total(values, n):
    found = 0.0
    for i in range(n):
        found += scaled(values[i])
    return found
"""


def module(folder: Path, scale: float) -> ModuleType:
    path = folder / "loops.py"
    path.write_text(SOURCE.format(scale=scale))
    made = ModuleType("loops")
    made.__file__ = str(path)
    exec(compile(path.read_text(), str(path), "exec"), made.__dict__)
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "ROOT", tmp_path / "clone")
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    return tmp_path


def total(made: ModuleType) -> float:
    values = np.array([1.0, 2.0, 3.5])
    return float(native.load("loops", (made,), {"total": "dFi"})["total"](native.address(values), 3))


def test_a_loop_gives_what_python_gives_is_kept_and_announced(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made = module(home, 3.0)
    assert total(made) == made.total([1.0, 2.0, 3.5], 3) == 19.5
    assert capfd.readouterr().err == "nightdesk: compiling loops for this machine, once; takes seconds\n"
    assert total(made) == 19.5
    assert capfd.readouterr().err == ""
    assert len(list((home / "clone/data/cache/native").iterdir())) == 1


def test_another_source_and_a_damaged_file_are_compiled_again(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert total(module(home, 3.0)) == 19.5
    assert total(module(home, 2.0)) == 13
    for path in (home / "clone/data/cache/native").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert total(module(home, 2.0)) == 13
    assert capfd.readouterr().err.count("compiling") == 3


def test_without_a_place_to_keep_it_the_loop_still_runs(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("clone", "home"):
        (home / name).write_text("a file where the folder should be")
    assert total(module(home, 3.0)) == 19.5
    assert "cannot keep the compiled loops" in capfd.readouterr().err


def test_the_clones_cache_stands_in_when_only_home_can_be_written(home: Path) -> None:
    (home / "clone").write_text("read-only, so to say")
    assert total(module(home, 3.0)) == 19.5
    assert len(list((home / "home/data/cache/native").iterdir())) == 1


def test_loading_the_core_does_not_import_the_compiler() -> None:
    code = "import sys; from pyjobs.strategy import compiled; compiled.library(); print('numba' in sys.modules)"
    for _ in range(2):  # the first may have to compile
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True
        )
    assert done.stdout == "False\n"
