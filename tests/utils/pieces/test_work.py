"""Pieces of work on this machine: one process or several, the same results in the same order."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.utils.pieces.support import pieces
from tests.utils.pieces.support.clusters import ROOT
from utils.pieces.work import Work, here, silent

SCRIPT = """
import json, os, sys
from tests.utils.pieces.support import pieces
from utils.errors import NightdeskError
from utils.pieces.work import Work, local, silent
function, workers = getattr(pieces, sys.argv[1]), int(sys.argv[2])
work = Work(function=function, batches=[(7, list(range(12))), (8, []), (9, list(range(5)))])
try:
    print(json.dumps([os.getpid(), local(workers, pays_s=0.0)(work, silent)]))
except NightdeskError as error:
    print(error.exit_code, error)
"""


def script(function: str, workers: int) -> str:
    """A process of its own: it forks."""
    command = [sys.executable, "-c", SCRIPT, function, str(workers)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300).stdout


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order_however_many_processes_work(workers: int) -> None:
    _, found = json.loads(script("root", workers))
    assert found == [[[m, p, (m + p) ** 0.5] for p in range(n)] for m, n in ((7, 12), (8, 0), (9, 5))]


def test_with_more_than_one_processor_others_work_too() -> None:
    own, found = json.loads(script("of_this_process", 3))
    assert own in [pid for batch in found for *_, pid in batch]  # the first piece shows how long one takes
    assert {pid for batch in found for *_, pid in batch} - {own}


def test_a_killed_process_is_said_and_nothing_comes_back() -> None:
    assert script("deadly", 2).startswith("137 one of 2 processes was killed (out of memory?): nothing is written")


def test_what_there_is_no_work_for_has_no_results() -> None:
    assert here(Work(function=pieces.root, batches=[(1.0, [])]), silent) == [[]]
