"""Whoever reads what others put here waits for it no longer than so many seconds."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.one_by_one.market_table import DESK, GOOD
from tests.one_by_one.test_one_by_one import preload
from utils.files.text_files import within

ROOT = Path(__file__).resolve().parents[2]
IMPORT = """
import sys, json; from pathlib import Path
from pyjobs.market.dumps.reading import opened; from utils.files import text_files
text_files.bytes_of.__defaults__ = (0.5,)
from tests.one_by_one.market_table import imported
print(json.dumps(imported(Path(sys.argv[1]))))
"""


def test_what_answers_in_time_is_returned_or_raised_and_what_does_not_is_named(tmp_path: Path) -> None:
    assert within(5, lambda: 7, tmp_path) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0, tmp_path)
    with pytest.raises(OSError, match="has not answered for 0 s") as raised:
        within(0.01, lambda: time.sleep(1), tmp_path / "x")
    assert raised.value.errno == errno.ETIMEDOUT and raised.value.filename == str(tmp_path / "x")


def test_a_price_file_on_a_server_that_has_gone_away_costs_its_own_series_only(tmp_path: Path) -> None:
    (tmp_path / "dumps").mkdir()
    (tmp_path / "desk.yaml").write_text(DESK)
    for name in "ABC":
        (tmp_path / f"dumps/{name}.csv").write_text(GOOD)
    env = preload(tmp_path) | {"BAD_PATH": str(tmp_path / "dumps/B.csv"), "BAD_CALLS": "hang"}
    env |= {"NIGHTDESK_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join((str(ROOT), env.get("PYTHONPATH", "")))}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, tmp_path], cwd=ROOT, env=env, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout.splitlines()[-1]) == ["A", "C"]
