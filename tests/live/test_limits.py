"""What limits go by: the order's own bar, and every other loop."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pyjobs.live.config import Limits
from pyjobs.live.equal.logs import place_of
from pyjobs.live.journal import last_sizes
from pyjobs.live.journal.journal import Journal
from pyjobs.live.journal.place import Place
from pyjobs.live.limits import LOCK, Turn, Unreadable, others, totals
from pyjobs.strategy import kernel
from tests.live.support import killing
from tests.live.support.worlds import STEP_MS, a_loop, a_spec, cells, fed, walk
from utils.files import os_files

BARS = walk(100)


def test_an_entry_is_judged_by_what_its_own_bar_has_left() -> None:
    bars, spec = walk(400), a_spec()
    fed(a_loop(spec, limits=Limits(day_loss=1e9)), bars, 60, 400)
    asked = [row for row in cells(spec.place.decisions) if row["risk"]]
    after_a_trade = [row for row in asked if row["before"] != "flat"]  # left, or to be left, on that very bar
    assert len(after_a_trade) > 5
    for row in asked:
        equity, lost = float(row["equity"]), float(row["day_equity"]) - float(row["equity"])
        assert row["risk"] == f"symbol={equity / 1.001:.2f};all={equity / 1.001:.2f};open=1;loss={lost:.2f};loops=1"


def test_a_symbol_that_is_no_folder_name_is_found_again_by_limits_and_comparisons() -> None:
    bars, mine, other = walk(70), a_spec(symbol="BTC/USDT:USDT"), a_spec(symbol="kPEPE/USD")
    for spec in (mine, other):
        fed(a_loop(spec), bars, 60, 70)
    assert [place.decisions for place in others(mine.place, ())] == [other.place.decisions]
    assert place_of("paper", "BTC/USDT:USDT").decisions == mine.place.decisions
    assert place_of("paper", "kPEPE_USD", "5m").decisions == other.place.decisions


def test_what_another_loop_won_or_lost_on_a_day_that_is_over_is_not_todays() -> None:
    bars, spec = walk(150), a_spec()
    fed(a_loop(spec), bars, 60, 100)
    row = cells(spec.place.decisions)[-1]
    at_ms, lost = int(row["ts_ms"]), float(row["day_equity"]) - float(row["equity"])
    assert lost != 0.0
    for later_ms, loss in ((STEP_MS, lost), (86_400_000, 0.0)):
        found = totals([spec.place], at_ms + later_ms)
        assert isinstance(found, list) and [each.loss for each in found] == [loss]


def unreadable(place: Place) -> bool:
    """Whether it is that one, and which folder may be moved away is said."""
    found = totals([place], 0)
    return isinstance(found, Unreadable) and found.name == place.name and f"move {place.folder} out of" in found.why


def test_a_loop_whose_decisions_are_gone_is_not_taken_for_one_that_holds_nothing() -> None:
    loop = fed(a_loop(a_spec()), walk(70), 60, 70)
    assert totals([a_spec("new").place], 0) == []
    given_up = int(cells(loop.spec.place.decisions)[-1]["ts_ms"]) + 15 * 86_400_000
    assert totals([loop.spec.place], given_up) == [] != totals([loop.spec.place], given_up, [loop.spec.place])
    path = loop.spec.place.decisions
    lines = path.read_bytes().splitlines(keepends=True)
    for left in (lines[0][:50], b""):  # its first write was killed, or the disk was full: nothing was ever decided
        path.write_bytes(left)
        assert totals([loop.spec.place], 0) == []
    path.write_bytes(b"".join(lines))
    last_sizes.keep(loop.journal)
    assert isinstance(totals([loop.spec.place], 0), list)
    path.with_name("sizes.json").write_text('{"of": "another program"}')
    assert isinstance(totals([loop.spec.place], 0), list)
    last_sizes.keep(loop.journal)
    for left in (b"".join(lines[:-4]), lines[0], b"", b"another program's\n"):
        path.write_bytes(left)
        assert unreadable(loop.spec.place)
    path.unlink()
    assert unreadable(loop.spec.place)


def test_two_loops_that_decide_at_once_do_not_both_pass_the_limit_for_one(home: Path) -> None:
    upto, allowed = first_order(), Limits(open_positions=1)
    both = [killing.begun(lambda tag=tag: entered(tag, upto, allowed, home), killing.Rough()) for tag in ("a", "b")]
    until(lambda: len(list(home.glob("ready-*"))) == 2)
    (home / "go").touch()
    assert [killing.ended(*each) for each in both] == [0, 0]
    orders = [cells(a_spec(tag).place.decisions)[-1] for tag in ("a", "b")]
    assert sorted(row["blocked_by"] for row in orders) == ["", "limit_open"]
    assert sorted(row["risk"].split(";")[2:] for row in orders) == [
        ["open=1", "loss=0.00", "loops=2"], ["open=2", "loss=0.00", "loops=2"],
    ]  # fmt: skip


def entered(tag: str, upto: int, allowed: Limits, home: Path) -> None:
    """A loop of a tag that no file names, up to the answer that brings its first order; its disk is slow."""
    loop = a_loop(a_spec(tag), limits=allowed)
    fed(loop, BARS, 60, upto - 1)
    append = Journal.append
    Journal.append = lambda *lines: (time.sleep(0.2), append(*lines))[1]  # type: ignore[method-assign]  # in the child
    (home / f"ready-{tag}").touch()
    until((home / "go").exists)
    fed(loop, BARS, upto, upto)


def first_order() -> int:
    """How many bars have come when a loop first orders."""
    probe, upto = fed(a_loop(a_spec("probe")), BARS, 60, 60), 60
    while probe.stand.s[kernel.ORDER] == 0.0:
        upto += 1
        fed(probe, BARS, upto, upto)
    shutil.rmtree(probe.spec.place.folder.parents[1])
    return upto


def made_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_loop_that_waits_for_its_turn_in_vain_enters_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turn.__init__, "__defaults__", (0.0,))
    spec = a_spec()
    with os_files.locked(made_folder(home / ".locks") / LOCK, 1.0):
        fed(a_loop(spec, limits=Limits(open_positions=1)), walk(100), 60, 100)
    blocked = {row["blocked_by"] for row in cells(spec.place.decisions) if row["reason"] != "holding"}
    assert blocked == {"", "limits_unreadable"} and not spec.place.trades.exists()


def test_a_lock_that_cannot_be_had_is_not_called_another_loops_turn(home: Path) -> None:
    (made_folder(home / ".locks") / LOCK).mkdir()
    loop = fed(a_loop(a_spec(), limits=Limits(open_positions=1)), BARS, 60, first_order())
    assert cells(loop.spec.place.decisions)[-1]["risk"] == f"unreadable={LOCK}"
    (told,) = loop.report
    assert f"{home}/.locks/{LOCK} cannot be locked (Is a directory): let the user" in told
