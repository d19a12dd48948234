"""A strategy that the user wrote may do anything when it is asked: one clear line with its place, and nothing hangs."""

from __future__ import annotations

import signal
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from pyjobs.strategy import exits
from pyjobs.strategy.registry import REGISTRY, make_setup
from pyjobs.strategy.signals import Setup, signals_of_each
from tests.support.walks import days, walk
from utils.alarm import alarm, seconds_of
from utils.errors import ConfigError, StrategyError
from utils.run import one_line

BARS = walk(days(50), 1)
FILE = """
from dataclasses import dataclass
import sys
import numpy as np
from pyjobs.strategy.entry import Entry
from pyjobs.strategy.signals import Signals, no_stop

class Wordless(Exception):
    def __str__(self):
        raise ValueError

@dataclass(frozen=True, kw_only=True)
class Own:
    side: str = "long"
    lookback = 3
    def signals(self, bars):
        entry = np.zeros(len(bars), bool)
        given = dict(entry=entry, exit=entry, stop=no_stop(bars))
        {does}
        return Signals(**given)
    def why(self, bars, t):
        return {why}

ENTRY = Entry(make=Own, ranges={{}})
"""
OF_EACH = """    @classmethod
    def signals_of_each(cls, setups, bars):
        entry = np.zeros((2, len(bars)), bool)
        given = dict(entry=entry, exit=entry, stop=no_stop(bars))
        return {gives}
"""
LINE = 19  # of what it does


def own(home: Path, does: str = "pass", why: str = "'x'") -> Setup:
    (home / "strategies").mkdir(exist_ok=True)
    (home / "strategies/own.py").write_text(FILE.format(does=does, why=why))
    return make_setup("own", {}, source="test")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(exits.LIMIT, "0.2")
    monkeypatch.setattr(exits, "_endless", {})


@pytest.mark.parametrize(
    ("does", "told"),
    {
        "1 / 0": "ZeroDivisionError: division by zero",
        "raise KeyError('\\x1b[2J\\n[END] ok')": "KeyError: ",
        "raise Wordless": "Wordless: without words",
        "sys.exit(0)": "SystemExit: 0",
        "import utils.errors as e; raise e.ExternalDataUnavailable('outage', provider='x')": "ExternalData",
        "raise SystemExit": "SystemExit: ",
        "import not_there": "ModuleNotFoundError: No module named 'not_there'",
        "open('/not/there')": "FileNotFoundError: ",
        "np.ones(10**15)": "MemoryError: Unable to allocate",
        "(f := lambda: f())()": "RecursionError: ",
        "bars.close[0] = 1.0": "ValueError: assignment destination is read-only",
        "bars.close.sort()": "ValueError: sort array is read-only",
        "assert False, 'x' * 9000": "AssertionError: xxx",
    }.items(),
)
def test_what_it_raises_is_one_line_with_its_place(home: Path, does: str, told: str) -> None:
    setup = own(home, does)
    before = BARS.close.copy()
    with pytest.raises(StrategyError) as raised:
        setup.signals(BARS)
    line = one_line(raised.value)
    assert line.startswith(f"strategy own: {told}") and f"(own.py, line {LINE})" in line
    assert "asked about 50 bars up to " in line and line.isprintable() and len(line) < 800
    assert np.array_equal(BARS.close, before) and BARS.close.flags.writeable


@pytest.mark.parametrize(
    ("does", "told"),
    {
        "return None": "signals() gives NoneType, not Signals",
        "return given": "signals() gives dict, not Signals",
        "given['entry'] = entry[1:]": "entry must be 50 bool, one for each bar, and is bool of shape (49,)",
        "given['entry'] = entry.astype(object)": "entry must be 50 bool, one for each bar, and is object",
        "given['entry'] = np.where(entry, 1.0, np.nan)": "entry must be 50 bool, one for each bar, and is float64",
        "given['exit'] = list(entry)": "exit must be 50 bool",
        "given['stop'] = None": "stop must be 50 float64",
        "given['entry'] = 2 * entry.astype(int) + 2": "entry must be 50 bool, one for each bar, and is int64",
        "given['stop'] = np.full(50, 2**60 + 1)": "stop must be 50 float64, one for each bar, and is int64",
        "given['stop'] = entry": "stop must be 50 float64, one for each bar, and is bool",
        "given['stop'] = np.array(['x'] * 50)": "stop must be 50 float64",
        "given['short_entry'] = entry": "short_entry and short_exit go together",
        "given['side'] = 'both'": "side is 'both', neither of long, short",
        "given['max_bars'] = -1": "max_bars is -1, not a number of bars",
        "given['trail'] = float('nan')": "trail is nan, not a fraction of 0 or more",
        "given['stop_loss'] = '5%'": "stop_loss is '5%', not a fraction of 0 or more",
    }.items(),
)
def test_what_it_gives_is_what_was_promised_or_refused(home: Path, does: str, told: str) -> None:
    with pytest.raises(StrategyError) as raised:
        own(home, does).signals(BARS)
    assert str(raised.value).startswith(f"strategy own (own.py): {told}")


@pytest.mark.parametrize(
    ("gives", "told"),
    {
        "given": "signals_of_each() gives dict, not Signals",
        "Signals(**given | dict(entry=entry[0]))": "entry must be 2 x 50 bool, one for each setup and bar, and is bool",
        "Signals(**given | dict(exit=entry + 2))": "exit must be 2 x 50 bool, one for each setup and bar, and is int64",
        "Signals(**given, side='x')": "side is 'x', neither of long, short",
        "Signals(**given | dict(entry=entry * 1))": "",
        "None": "",
    }.items(),
)
def test_neither_is_what_it_gives_for_several_setups_at_once(home: Path, gives: str, told: str) -> None:
    own(home)
    (home / "strategies/own.py").write_text(
        (home / "strategies/own.py").read_text().replace("    def why", f"{OF_EACH.format(gives=gives)}    def why")
    )
    setup = make_setup("own", {}, source="test")
    with pytest.raises(StrategyError) if told else nullcontext() as raised:
        signals_of_each([setup, setup], BARS)
    assert raised is None or str(raised.value).startswith(f"strategy own (own.py): {told}")


@pytest.mark.parametrize(
    ("does", "name", "as_promised"),
    [
        ("given['entry'] = (bars.close > 99).astype('i1')", "entry", BARS.close > 99),
        ("given['exit'] = (bars.close > 99) * 1.0", "exit", BARS.close > 99),
        ("given['stop'] = bars.close.astype('f4')", "stop", BARS.close.astype("f4").astype("f8")),
        ("given['stop'] = np.where(entry, 1, np.nan).astype('f2')", "stop", np.full(50, np.nan)),
        ("given['stop_distance'] = np.arange(50)", "stop_distance", np.arange(50.0)),
    ],
)
def test_numbers_of_another_type_are_taken_where_each_stays_the_same(
    home: Path, does: str, name: str, as_promised: np.ndarray
) -> None:
    found = getattr(own(home, does).signals(BARS), name)
    assert found.dtype == as_promised.dtype and np.array_equal(found, as_promised, equal_nan=as_promised.dtype == float)


CATCHES = """
        while True:
            try:
                1 / 0
            except Exception:
                pass"""


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("loop", ["while True: pass", CATCHES])
def test_what_does_not_end_is_ended_and_not_asked_again(home: Path, loop: str) -> None:
    setup, started = own(home, loop), time.monotonic()
    with pytest.raises(StrategyError, match=r"Endless: has not ended after STRATEGY_LIMIT_S=0.2 \(own.py, line"):
        setup.signals(BARS)
    took = time.monotonic() - started
    with pytest.raises(StrategyError, match="strategy own: not asked again: Endless"):
        setup.signals(BARS)
    assert 0.2 <= took < 5
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL and signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.usefixtures("hasty")
def test_neither_does_the_question_how_far_it_looks_back(home: Path) -> None:
    own(home)
    path = home / "strategies/own.py"
    path.write_text(
        path.read_text().replace("lookback = 3", "@property\n    def lookback(self):\n        while True: pass")
    )
    with pytest.raises(ConfigError, match=r"setups.own: its lookback cannot be found out: Endless: has not ended"):
        make_setup("own", {}, source="test")


@pytest.mark.usefixtures("hasty")
def test_it_is_asked_again_when_its_file_is_mended(home: Path) -> None:
    with pytest.raises(StrategyError, match="has not ended"):
        own(home, "while True: pass").signals(BARS)
    assert not own(home, "pass  # mended").signals(BARS).entry.any()


@pytest.mark.usefixtures("hasty")
def test_neither_does_its_file(home: Path) -> None:
    (home / "strategies").mkdir()
    for number, text in enumerate(
        ["while True: pass", "import sys\nsys.exit(0)", "raise SystemExit", "import nothing"]
    ):
        (home / f"strategies/n{number}.py").write_text(text)
        assert REGISTRY.broken(f"n{number}").endswith(f"(n{number}.py, line {2 if number == 1 else 1})")


@pytest.mark.parametrize(("why", "told"), {"1 / 0": "ZeroDivisionError", "None": "why() gives NoneType"}.items())
def test_its_reason_is_a_text_or_refused(home: Path, why: str, told: str) -> None:
    with pytest.raises(StrategyError, match=told.replace("(", r"\(").replace(")", r"\)")):
        own(home, why=why).why(BARS, 3)


def test_its_reason_is_cleaned(home: Path) -> None:
    assert own(home, why=r"'a\nb\x1b[2J' + 'x' * 9000").why(BARS, 3).startswith(r"a\nb\x1b[2Jxxx")


def test_who_stops_the_job_stops_it_in_a_strategy_as_well(home: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        own(home, "raise KeyboardInterrupt").signals(BARS)


def test_an_alarm_in_another_leaves_the_outer_one_its_time() -> None:
    with pytest.raises(TimeoutError, match="outer"), alarm(0.1, TimeoutError("outer")):
        with alarm(9, TimeoutError("inner")):
            pass
        time.sleep(1)


def test_nor_does_a_longer_one_in_it_keep_it_from_ringing() -> None:
    started = time.monotonic()
    with (
        pytest.raises(TimeoutError, match="outer"),
        alarm(0.05, TimeoutError("outer")),
        alarm(9, TimeoutError("inner")),
    ):
        time.sleep(1)
    assert time.monotonic() - started < 0.9
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL and signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "inf", "1e400", "\x1b", "٣٣٣x"])
def test_a_limit_that_is_no_time_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATEGY_LIMIT_S", text)
    with pytest.raises(ConfigError, match="STRATEGY_LIMIT_S="):
        seconds_of("STRATEGY_LIMIT_S", 300.0)
