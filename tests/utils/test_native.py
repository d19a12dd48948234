"""Compiled loops: made once, loaded without the compiler, and made again when anything that decides them changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

from utils import native, paths

SOURCE = """
from utils.native import Floats
SCALE = {scale}
def scaled(x):
    return x * SCALE
def total(values: Floats, n: int) -> float:
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
    return float(native.load("loops", (made,), (made.total,)).total(native.address(values), 3))


def test_a_loop_gives_what_python_gives_is_kept_and_announced(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made = module(home, 3.0)
    assert total(made) == made.total([1.0, 2.0, 3.5], 3) == 19.5
    assert capfd.readouterr().err == "nightdesk: compiling loops for this machine, once; takes seconds\n"
    assert total(made) == 19.5
    assert capfd.readouterr().err == ""
    assert len(list((home / "clone/data/cache/native").glob("*.o"))) == 1


class Pair(NamedTuple):
    weights: native.Floats
    places: native.Shorts
    scale: float


def weighed(pair: Pair, values: native.Floats, n: int) -> float:
    found = 0.0
    for i in range(n):
        found += pair.weights[i] * values[pair.places[i]] * pair.scale
    return found


@pytest.mark.usefixtures("home")
def test_columns_keep_their_names_when_they_are_compiled() -> None:
    pair, values = Pair(np.array([1.0, 3.0]), np.array([2, 0], np.int32), 0.5), np.array([10.0, 20.0, 40.0])
    loops = native.load("weighed", (sys.modules[__name__],), (weighed,))
    assert loops.weighed(*native.addresses(pair), native.address(values), 2) == weighed(pair, values, 2) == 35.0
    with pytest.raises(AttributeError, match="'unheard_of' is not among the compiled functions"):
        loops.unheard_of()


@pytest.mark.usefixtures("home")
def test_columns_in_another_order_are_not_read_by_the_code_of_the_order_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Turned(NamedTuple):
        scale: float
        places: native.Shorts
        weights: native.Floats

    class Renamed(NamedTuple):
        others: native.Floats
        places: native.Shorts
        scale: float

    keys = {native._key((sys.modules[__name__],), (weighed,))}
    for other in (Turned, Renamed):
        other.__name__ = "Pair"  # the module of a tuple is not that of the loops
        monkeypatch.setitem(weighed.__globals__, "Pair", other)
        keys.add(native._key((sys.modules[__name__],), (weighed,)))
    assert len(keys) == 3


def test_an_array_of_another_type_or_in_pieces_is_refused() -> None:
    good = Pair(np.array([1.0, 3.0]), np.array([2, 0], np.int32), 0.5)
    for wrong in ({"weights": np.array([1, 3])}, {"places": np.array([2, 0])}, {"weights": np.ones(4)[::2]}):
        with pytest.raises(TypeError, match="is given where"):
            native.addresses(good._replace(**wrong))


def test_another_source_and_a_damaged_file_are_compiled_again(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert total(module(home, 3.0)) == 19.5
    assert total(module(home, 2.0)) == 13
    for path in (home / "clone/data/cache/native").glob("*.o"):
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
    assert len(list((home / "home/data/cache/native").glob("*.o"))) == 1


def test_loading_the_core_does_not_import_the_compiler() -> None:
    code = "import sys; from pyjobs.strategy import compiled; compiled.library(); print('numba' in sys.modules)"
    for _ in range(2):  # the first may have to compile
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True
        )
    assert done.stdout == "False\n"


SLOW = """
import sys, types
sys.path.insert(0, sys.argv[1])
import loops
import numpy as np
from utils import native, paths
paths.ROOT = type(paths.ROOT)(sys.argv[2])
values = np.array([1.0, 2.0, 3.5])
print(native.load("loops", (loops,), (loops.total,)).total(native.address(values), 3))
"""


def started(home: Path) -> subprocess.Popen[str]:
    """A process that loads what `module` has written: once, before the first, or one may read half a file."""
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(home), str(home / "clone")],
        cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "NIGHTDESK_HOME": str(home / "home"), "PYTHONPATH": "."},
    )  # fmt: skip


def test_of_many_first_users_one_compiles_and_the_others_wait_and_say_so(home: Path) -> None:
    module(home, 3.0)
    several = [started(home) for _ in range(4)]
    told = [each.communicate() for each in several]
    assert [out for out, _ in told] == ["19.5\n"] * 4, told
    assert sum("compiling loops for this machine" in error for _, error in told) == 1
    waited = "nightdesk: another process is compiling loops; waiting for it\n"
    assert {error for _, error in told if "for this machine" not in error} <= {waited, ""}


def test_a_compilation_that_is_killed_leaves_nothing_half_and_holds_nobody_up(home: Path) -> None:
    module(home, 3.0)
    first = started(home)
    assert first.stderr is not None
    assert first.stderr.readline().startswith("nightdesk: compiling loops")
    first.kill()
    first.communicate()
    assert list((home / "clone/data/cache/native").glob("*.o")) == []
    out, error = started(home).communicate()
    assert (out, error) == ("19.5\n", "nightdesk: compiling loops for this machine, once; takes seconds\n")


def test_code_made_for_another_processor_compiler_or_python_is_never_loaded(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = module(home, 3.0)
    assert total(made) == 19.5
    kept = {path.stem.split("-")[1] for path in (home / "clone/data/cache/native").glob("*.o")}
    assert kept == {native._key((made,), (made.total,))}
    others = {
        "llvmlite.binding.get_host_cpu_name": lambda: "another",
        "llvmlite.__version__": "0.1",
        "sys.hexversion": 0x030B0000,
    }
    for name, value in others.items():
        with monkeypatch.context() as world:
            world.setattr(name, value)
            assert native._key((made,), (made.total,)) not in kept
    own = home / "utils/native"
    shutil.copytree(Path(native.__file__).parent, own)
    with (own / "compiling.py").open("a") as file:
        file.write("# it makes other code now\n")
    monkeypatch.setattr(native, "__file__", str(own / "__init__.py"))
    assert native._key((made,), (made.total,)) not in kept
    assert capfd.readouterr().err.count("compiling") == 1
