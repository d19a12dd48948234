"""A loop that steps for years has no more files open than after its first day."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from pyjobs.live.scheduler import Scheduler
from pyjobs.live.step import Setting, step
from tests.live.support.worlds import a_spec, cells, walk
from tests.live.test_health import stored
from utils.errors import BadDataError

FEW_OR_A_THOUSAND = pytest.mark.parametrize("steps", [12, pytest.param(1000, marks=pytest.mark.torture)])


def held() -> Counter[str]:
    """What is open in this process. Compared by what came: what an earlier test left open may be closed meanwhile."""
    folder = Path("/proc/self/fd")
    found = [folder / name for name in os.listdir(folder)]  # noqa: PTH208  # the folder itself is open meanwhile
    return Counter(os.readlink(each) for each in found if os.path.lexists(each))  # noqa: PTH115


@FEW_OR_A_THOUSAND
def test_steps_that_write_and_steps_that_fail_leave_nothing_open(home: Path, steps: int) -> None:
    assert home.is_dir()
    spec, bars = a_spec(), walk(steps + 60, home_every=288)
    setting = Setting(now_ms=lambda: int(bars.ts_ms[-1]), fetched=False)
    stored(spec, bars.slice(0, 58))
    step(spec, setting)
    before = held()
    for upto in range(59, 59 + steps):
        stored(spec, bars.slice(upto - 1, upto))
        step(spec, setting)
        assert not held() - before
    assert len(cells(spec.place.decisions)) == steps + 1
    content = spec.place.bars.read_bytes()
    spec.place.bars.write_bytes(content.replace(b",decided,", b",decidec,"))
    with pytest.raises(BadDataError):
        step(spec, setting)
    assert not held() - before


@FEW_OR_A_THOUSAND
def test_a_scheduler_keeps_nothing_of_the_steps_that_it_ran(home: Path, steps: int) -> None:
    assert home.is_dir()
    kept = Scheduler(command=lambda _: ["true"], listed=lambda: ([("a", "1m")], ""), say=lambda _: None)
    kept.turn()
    before = held().total()  # an output's file has no name
    for _ in range(steps):
        loop = kept._loops["a"]
        assert isinstance(loop.process, subprocess.Popen)
        loop.process.wait()
        kept.turn()
        assert loop.process is None
        loop.due_s = 0.0
        kept.turn()
        assert held().total() <= before
    kept._end(kept._loops["a"], "done")
