"""The go-live table of a loop: each gate is green for its own reason, and names the file that shows it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyjobs.kill import main as kill
from pyjobs.live import config
from pyjobs.live.config import Limits
from pyjobs.live.feed import Answer
from pyjobs.live.golive import check, gates, strips
from pyjobs.live.golive.drill import drilled
from pyjobs.live.spec import Spec
from pyjobs.live.step import Setting, step
from pyjobs.live_check import main as live_check
from pyjobs.live_step import main as live_step
from pyjobs.market.bars import Bars
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.times import utc_text
from tests.live.support.worlds import a_loop, walk
from utils.run import run

HOUR_MS, MIDNIGHT_MS = 3_600_000, 1_700_006_400_000
FILE = """\
loops:
  paper: {exchange: BITFINEX, symbol: BTCUSD, timeframe: 1h, strategy: ma_cross, params: {fast: 3, slow: 8}}
clean_days: 2
"""
LIMITS = "limits: {notional_per_symbol: 20000, notional: 20000, open_positions: 2, day_loss: 5000}\n"
NOW_MS = MIDNIGHT_MS + 112 * HOUR_MS  # 16:00 on the fifth day


def hours(n: int) -> Bars:
    """Hours from a midnight on."""
    return replace(walk(n), ts_ms=MIDNIGHT_MS + HOUR_MS * np.arange(1, n + 1, dtype=np.int64))


BARS = hours(112)


@pytest.fixture
def spec(home: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """A loop of live.yaml that has decided from 07:00 of the second day on, each bar in time."""
    (home / "secret").mkdir()
    (home / "secret/live.yaml").write_text(FILE)
    monkeypatch.setenv("NIGHTDESK_NOW", str(NOW_MS / 1000))
    made = config.named(config.load(), "paper")
    stored(made, BARS)
    loop = a_loop(made)
    for upto in range(32, 113):
        loop.take(Answer(bars=BARS.slice(max(0, upto - 60), upto), final=False))
    loop.journal.close()
    return made


def stored(spec: Spec, bars: Bars) -> BarStore:
    store = BarStore(spec.place.folder.parents[4] / "raw")
    store.write(spec.key, bars, provider="bitfinex", fetched_at_ms=0, adjusted="raw", last_final=True)
    return store


def found(at_ms: int = NOW_MS) -> dict[str, gates.Gate]:
    (loop,) = gates.look(at_ms / 1000).loops
    return {gate.asks: gate for gate in loop.gates}


def colours(at_ms: int = NOW_MS) -> list[bool]:
    return [gate.green for gate in found(at_ms).values()]


def test_all_gates_become_green_one_by_one_and_red_again(
    spec: Spec, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert colours() == [True, False, True, False, False, False]
    assert run(live_check, []) == 0
    assert colours() == [True, True, True, False, False, True]
    (home / "secret/live.yaml").write_text(FILE + LIMITS)
    assert colours()[3]
    assert run(kill, ["--reason", "the drill of today"]) == 0
    assert not colours()[4] and found()["kill switch tried within 24 h"].found == "it is on"
    setting = Setting(now_ms=lambda: NOW_MS, fetched=False)
    step(spec, setting)
    assert run(kill, ["--release"]) == 0
    assert found()["kill switch tried within 24 h"].found == "seen on; no step has seen it off again yet"
    step(spec, setting)
    capsys.readouterr()
    assert run(live_check, ["--json", "1"]) == 0
    told = json.loads(capsys.readouterr().out)["loops"][0]
    assert told["verdict"] == "GO" and [gate["green"] for gate in told["gates"]] == [True] * 6
    place = "data/processed/decisions/paper/BTCUSD/1h"
    assert [gate["evidence"] for gate in told["gates"]] == [
        f"{place}/decisions.csv", "data/live/checks/paper.json", f"{place}/decisions.csv", "secret/live.yaml",
        f"{place}/events.csv", "data/live/checks/paper.json",
    ]  # fmt: skip
    assert all((home / gate["evidence"]).is_file() and gate["age_s"] is not None for gate in told["gates"])
    page = (home / "data/live/golive.html").read_text()
    assert "GO: every gate of every loop is green." in page and '<td data-of="verdict" class="good">green</td>' in page
    monkeypatch.setenv("NIGHTDESK_NOW", str(NOW_MS / 1000 + 40 * 3600))
    assert colours(NOW_MS + 40 * HOUR_MS) == [False, False, False, True, False, False]
    assert found(NOW_MS + 40 * HOUR_MS)["equivalence PASS"].found.startswith("PASS, too long ago")


def test_clean_days_are_whole_days_in_which_each_bar_was_decided_in_time(spec: Spec) -> None:
    store = BarStore(spec.place.folder.parents[4] / "raw")
    assert strips.clean_days(spec, store, NOW_MS, 9) == (2, "it has not run for longer")  # the third and the fourth
    loop = a_loop(spec)
    more = hours(160)
    stored(spec, more)
    loop.take(Answer(bars=more.slice(60, 116), final=False))  # three hours late, on the fifth day
    for upto in range(117, 161):
        loop.take(Answer(bars=more.slice(60, upto), final=False))
    now_ms = MIDNIGHT_MS + 160 * HOUR_MS
    assert strips.clean_days(spec, store, now_ms, 9) == (1, f"{utc_text(int(BARS.ts_ms[111]))} late")
    assert strips.clean_days(spec, store, now_ms + 48 * HOUR_MS, 9)[0] == 0  # nothing came since


def test_a_day_on_which_the_limits_could_not_be_read_is_not_clean(spec: Spec) -> None:
    foreign = spec.place.folder.parents[2] / "old/ETHUSD/1h"
    foreign.mkdir(parents=True)
    for name in ("bars.csv", "decisions.csv"):
        (foreign / name).write_text("of another version\n")
    more, loop = hours(160), a_loop(spec, limits=Limits(open_positions=1))
    store = stored(spec, more)
    for upto in range(113, 161):
        loop.take(Answer(bars=more.slice(60, upto), final=False))
    days, why = strips.clean_days(spec, store, MIDNIGHT_MS + 160 * HOUR_MS, 9)
    assert days < 2 and why.endswith(" limits_unreadable")


def test_a_strip_has_a_cell_for_each_bar_with_its_state_and_why(spec: Spec) -> None:
    more = hours(130)
    stored(spec, more)
    loop = a_loop(spec)
    loop.take(Answer(bars=more.slice(60, 116), final=False))
    loop.take(Answer(bars=more.slice(60, 117), final=False, persisted=False))
    cells = strips.strip(spec, BarStore(spec.place.folder.parents[4] / "raw"), MIDNIGHT_MS + 125 * HOUR_MS)
    assert [cell.ts_ms for cell in cells] == more.ts_ms[30:123].tolist()
    wanted = ["decided"] * 81 + ["late"] * 3 + ["decided", "blocked"] + ["missing"] * 7
    assert [cell.state for cell in cells] == wanted
    assert {cell.why for cell in cells if cell.state == "blocked"} == {"persist_failed"}


def test_what_does_not_follow_is_red_by_its_cause_and_ends_with_65(
    spec: Spec, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = spec.place.decisions
    path.write_bytes(path.read_bytes().replace(b",no_signal,", b",holding,", 1))
    assert run(live_check, []) == 65
    assert "Cause: data changed" in capsys.readouterr().out
    gate = found()["equivalence PASS"]
    assert not gate.green and gate.found == "FAIL: Cause: data changed"
    (home / "data/live/checks/paper.json").write_text('{"at_s": 1')
    assert found()["equivalence PASS"].found == "never checked"


def test_the_drill_tears_a_copy_and_leaves_the_journal_alone(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in spec.place.folder.parents[3].rglob("*.csv")}
    assert drilled(spec) == ""
    assert {path: path.read_bytes() for path in spec.place.folder.parents[3].rglob("*.csv")} == before
    from pyjobs.live.deciding import core

    monkeypatch.setattr(core.Decider, "_seal", lambda *_: "00000000")
    assert drilled(spec) == "the last bar, decided again, gives another decisions.csv"


def test_the_drill_of_a_journal_that_was_killed_amid_a_write_is_about_what_a_start_makes_of_it(spec: Spec) -> None:
    place = spec.place
    ended = place.trades.read_text().splitlines()[-1].split(",")[3]  # the last trade's close
    lines = place.decisions.read_text().splitlines(keepends=True)
    at = next(k for k, line in enumerate(lines) if line.split(",")[3] == ended)
    bars = place.bars.read_text().splitlines(keepends=True)
    upto = next(k for k, line in enumerate(bars) if line.split(",")[3] == ended)
    place.bars.write_text("".join(bars[: upto + 1]))
    for torn in ("", lines[at][:50]):
        place.decisions.write_text("".join(lines[:at]) + torn)
        assert drilled(spec) == ""


def test_limits_that_nobody_has_set_are_told_at_a_start(spec: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    (spec.place.folder / "sizes.json").unlink(missing_ok=True)
    assert run(live_step, ["--instance", "paper", "--no-fetch"]) == 0
    told = capsys.readouterr().out
    assert "not set: notional_per_symbol, notional, open_positions, day_loss in live.yaml" in told
    assert run(live_step, ["--instance", "paper", "--no-fetch"]) == 0
    assert "not set:" not in capsys.readouterr().out


def test_without_a_loop_there_is_nothing_to_check(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir() and run(live_check, []) == 0
    assert "there is no loop in live.yaml" in capsys.readouterr().out
    assert run(live_check, ["--instance", "x"]) == 64
    assert check.last_of("x") is None


def test_a_loop_that_has_just_begun_is_red_and_no_failure(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "secret").mkdir()
    (home / "secret/live.yaml").write_text(FILE)
    monkeypatch.setenv("NIGHTDESK_NOW", str(NOW_MS / 1000))
    made = config.named(config.load(), "paper")
    assert run(live_check, []) == 0
    gate = found()["equivalence PASS"]
    assert not gate.green and gate.found.startswith("NOT YET: ") and gate.found.endswith("has no decision yet")
    stored(made, BARS)
    a_loop(made).take(Answer(bars=BARS, final=False))
    assert run(live_check, []) == 0
    assert found()["restart drill passed"].found == "the loop has not decided two bars yet"
    assert not found()["restart drill passed"].green
    assert [cell.state for cell in strips.strip(made, BarStore(home / "data/raw"), NOW_MS + 2 * HOUR_MS)] == ["decided"]
    made.place.decisions.unlink()
    assert run(live_check, []) == 65


def test_a_loop_that_cannot_be_checked_is_red_and_the_others_are_checked(
    spec: Spec, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = "  lost: {exchange: BITFINEX, symbol: BTCUSD, timeframe: 1h, strategy: no_such}\n"
    (home / "secret/live.yaml").write_text(FILE.replace("loops:\n", f"loops:\n{lost}"))
    assert run(live_check, []) == 78
    told = capsys.readouterr()
    assert "equivalence PASS: PASS" in told.out and "no_such" in told.err
    content = spec.place.decisions.read_bytes()
    spec.place.decisions.write_bytes(content.replace(b",none,", b",hold,"))
    assert [loop.unread.partition(": ")[0] for loop in gates.look(NOW_MS / 1000).loops if loop.name == "paper"] == [
        str(spec.place.decisions)
    ]
    spec.place.decisions.write_bytes(content)
    spec.place.bars.unlink()
    assert run(live_check, []) == 65
    assert "paper:\n[decisions] FAIL" in capsys.readouterr().out
    assert not found_of("paper")["equivalence PASS"].green


def found_of(name: str) -> dict[str, gates.Gate]:
    return {gate.asks: gate for loop in gates.look(NOW_MS / 1000).loops for gate in loop.gates if loop.name == name}


def test_a_check_that_broke_down_is_red_and_not_the_check_of_before(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(live_check, []) == 0 and found()["equivalence PASS"].green and spec.tag
    monkeypatch.setattr(check, "drilled", lambda _: {}["x"])
    assert run(live_check, []) == 1
    assert found()["equivalence PASS"].found == "FAIL: KeyError: 'x'"


@pytest.mark.parametrize(("was", "now"), [("fast: 3", "fast: 4"), ("BTCUSD", "BTC/USD"), ("1h", "4h")])
def test_what_was_checked_of_another_loop_of_that_name_is_no_evidence(
    spec: Spec, home: Path, was: str, now: str
) -> None:
    assert run(live_check, []) == 0 and found()["equivalence PASS"].green and spec.tag
    (home / "secret/live.yaml").write_text(FILE.replace(was, now))
    gate = found()["equivalence PASS"]
    assert (gate.green, gate.found) == (False, "never checked") and not found()["restart drill passed"].green


def test_a_pass_of_other_code_is_none_until_the_next_check(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(live_check, []) == 0 and found()["equivalence PASS"].green
    monkeypatch.setattr(check, "code_of", lambda _: "feedfacefeed")
    was = spec_code(spec)
    for asks in ("equivalence PASS", "restart drill passed"):
        gate = found()[asks]
        assert not gate.green and gate.found == (
            f"not yet proven since {utc_text(NOW_MS)}: that check was of code {was}, and feedfacefeed decides now"
        )
    assert run(live_check, []) == 0 and found()["equivalence PASS"].green and found()["restart drill passed"].green


def spec_code(spec: Spec) -> str:
    """What the check has kept."""
    done = check.last_of(spec.tag)
    assert done is not None and len(done.code) == 12
    return done.code
