"""A job ends, and in time, with a pipe in the place of its log, its record or its holder file."""

from __future__ import annotations

import os

import pytest

from tests.shell.conftest import House

BOUND_S = 30
FRIDAY_EVENING = "1795172400"  # 2026-11-20 20:00 in Seoul: outside trading hours


@pytest.mark.parametrize("name", [".locks/job.holder", "logs/history.jsonl", "logs/job_2026-11-20.log"])
@pytest.mark.parametrize("options", [(), ("--guard", "th")], ids=["a run", "a skip"])
def test_nobody_waits_for_who_never_comes(house: House, name: str, options: tuple[str, ...]) -> None:
    path = house.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    ended = house.run(house.chain("true", options=options), timeout_s=BOUND_S, NIGHTDESK_NOW=FRIDAY_EVENING)
    assert ended.returncode == (73 if name.endswith(".holder") else 0), ended.stderr
    assert name.rpartition("/")[2].encode() in ended.stderr  # it is said
    if "history" not in name:
        assert [each["job"] for each in house.history()] == ["job"]
