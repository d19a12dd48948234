"""Every loop over many things goes through them one by one: whatever one of them is, the others are met, in time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.one_by_one.support.going import TABLE, lacking, made
from tests.one_by_one.support.spoiled import SPOILED, away
from utils.files import text_files

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).with_name("failing_opens.c")
WELL = "as it should be"


def preload(folder: Path) -> dict[str, str]:
    """The environment in which opening fails; skips without a compiler."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc to build the library that makes opening fail")
    library = folder / "failing_opens.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    where = f"{folder}:{os.environ.get('LD_LIBRARY_PATH', '')}"  # LD_PRELOAD itself ends at a space
    return {**os.environ, "LD_PRELOAD": library.name, "LD_LIBRARY_PATH": where.rstrip(":")}


MARKED = [pytest.param(name, marks=[pytest.mark.torture] if TABLE[name].long else []) for name in TABLE]


@pytest.mark.parametrize("name", MARKED)
def test_one_bad_thing_among_many_hides_no_other(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = []
    home, whole = tmp_path / "home", tmp_path / "whole"
    monkeypatch.setenv("NIGHTDESK_HOME", str(home))
    monkeypatch.setattr(text_files, "PIPE_PATIENCE_S", 0.1)
    place = made(name, home)
    for what, spoil in {WELL: str, **SPOILED}.items():
        if TABLE[name].changes and what != WELL:
            shutil.rmtree(home)
            made(name, home)
        if what != WELL:
            place.rename(whole)
            spoil(place)
        if told := lacking(name, home):
            wrong.append(f"{what}: {told}")
        if what != WELL:
            away(place)
            whole.rename(place)
    assert wrong == []


def test_nor_does_one_that_the_system_refuses_as_stale_failing_or_forbidden(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.one_by_one.support.going", tmp_path],
        cwd=ROOT,
        env=preload(tmp_path),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout.splitlines()[-1]) == {}
