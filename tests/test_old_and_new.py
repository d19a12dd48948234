"""The table of old and new commands: each command of its last column is there and takes the options shown with it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TABLE = (ROOT / "docs/OPERATIONS.md").read_text(encoding="utf-8").partition("## 9. ")[2]
ROWS = [line.replace(r"\|", "¦").strip("|").split(" | ") for line in TABLE.splitlines() if line.startswith("| ")][1:]
NEW = sorted({text.replace("¦", "|") for row in ROWS for text in re.findall(r"`([^`]+)`", row[-1])})
COMMANDS = [text for text in NEW if text.startswith(("batch/", "jobs/", ".venv/bin/python -m "))]


def test_there_is_a_row_for_each_of_the_five_seeds() -> None:
    assert re.findall(r"^\| \*\*(\w[\w-]*)\*\*", TABLE, re.M) == [
        "cdx-trade", "trade", "traderunner", "cryptotrader", "krx_alertor",
    ]  # fmt: skip
    assert all(len(row) == 2 for row in ROWS) and len(COMMANDS) > 20


@pytest.mark.parametrize("text", COMMANDS)
def test_a_new_command_takes_what_it_is_shown_with(text: str) -> None:
    words = shlex.split(text)
    start = [sys.executable, "-m", words.pop(2)] if words[0].startswith(".venv") else [str(ROOT / words[0])]
    shown = subprocess.run([*start, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert shown.returncode == 0, shown.stderr
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.stdout
