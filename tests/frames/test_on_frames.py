"""A strategy on a DataFrame: whoever asks and from wherever the bars begin, a bar is decided by the same frame."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyjobs import check_strategy, run_bt, run_sweep
from pyjobs.check_strategy import walk
from pyjobs.frames.on_frames import step_ms, windows
from pyjobs.strategy import battery
from pyjobs.strategy.registry import REGISTRY, make_setup
from tests.frames.conftest import DESK
from utils.errors import BadDataError, ConfigError, UsageError
from utils.run import run

DAY = 86_400_000
HEAD = "import numpy as np\nimport pandas as pd\nfrom pyjobs import frames\n\n\n"
TREND = """def signals(df, window=20, margin=0.0, kind="sma"):
    mean = df.close.rolling(window).mean() if kind == "sma" else df.close.ewm(span=window).mean()
    above = df.close > mean * (1 + margin)
    left = (df.close < mean).shift(1)  # bools as pandas gives them: objects, with a hole at the first
    return pd.DataFrame({"entry": above, "exit": left, "stop": df.low.rolling(5).min(), "mean": mean})


ENTRY = frames.strategy(signals, lookback=lambda window: window + 5, ranges={"window": (2, 500)})
"""
ENDLESS = """def signals(df):
    mean = df.close.ewm(span=20).mean()
    return pd.DataFrame({"entry": df.close > mean, "exit": df.close < mean, "stop": mean * 0.9})


ENTRY = frames.strategy(signals, lookback=2)
"""
SEER = """def signals(df):
    return pd.DataFrame({"entry": df.close.shift(-1) > df.close, "exit": df.close < df.close.rolling(9).mean()})


ENTRY = frames.strategy(signals, lookback=10)
"""
Write = Callable[[str, str], None]


@pytest.fixture
def own(home: Path) -> Write:
    def write(name: str, text: str) -> None:
        (home / "strategies").mkdir(exist_ok=True)
        (home / "strategies" / f"{name}.py").write_text(HEAD + text)

    return write


@pytest.mark.parametrize("kind", ["sma", pytest.param("ewm", marks=pytest.mark.torture)])
def test_it_passes_the_battery_like_any_other(own: Write, kind: str) -> None:
    own("trend", TREND)
    setup = make_setup("trend", {"kind": kind, "margin": 0.005}, source="here")
    assert setup.lookback == 25 + 63  # a block of 64 days may begin 63 bars before
    assert battery.failures(setup, walk(700, seed=4)) == []
    assert battery.failures(make_setup("trend", {"stop_atr": 2.5, "kind": kind}, source=""), walk(700, seed=5)) == []


def test_a_mean_of_all_bars_of_its_frame_passes_it_too_to_the_bit(own: Write) -> None:
    own("endless", ENDLESS)
    setup = make_setup("endless", {}, source="here")
    assert battery.failures(setup, walk(3 * setup.lookback, seed=4)) == []


def test_its_entries_are_those_of_the_rule_computed_by_hand(own: Write) -> None:
    own("trend", TREND)
    bars = walk(500, seed=6)
    found = make_setup("trend", {}, source="here").signals(bars)
    assert not found.entry[:87].any()
    for t in range(87 + 64, 500):  # beyond the first whole block
        mean = sum(bars.close[t - 19 : t + 1].tolist()) / 20
        before = sum(bars.close[t - 20 : t].tolist()) / 20
        if abs(mean - bars.close[t]) > 1e-9:
            assert found.entry[t] == (bars.close[t] > mean)
        assert found.exit[t] == (bars.close[t - 1] < before)
        assert found.stop[t] == bars.low[t - 4 : t + 1].min()


def test_a_frame_begins_at_the_same_bar_whoever_asks() -> None:
    ts_ms = np.arange(1000, 1400, dtype=np.int64) * DAY
    whole = {ts_ms[start]: ts_ms[first] for first, start, _ in windows(ts_ms, 30, 64)}
    for begin in (1, 17, 63, 100):
        part = ts_ms[begin:]
        for first, start, _ in windows(part, 30, 64):
            assert whole[part[start]] == part[first]


def test_the_step_of_bars_is_told_by_most_of_them() -> None:
    days = np.arange(1, 200, dtype=np.int64) * DAY
    assert step_ms(days[(days // DAY) % 7 > 1]) == DAY  # weekends are out
    assert step_ms(np.sort(np.append(days, days[50] + 60_000))) == DAY  # a stray one
    hours = np.concatenate([day + np.arange(10, 17, dtype=np.int64) * 3_600_000 for day in days])
    assert step_ms(hours) == 3_600_000


def test_one_that_looks_ahead_is_refused_or_labelled(own: Write, capsys: pytest.CaptureFixture[str]) -> None:
    own("seer", SEER)
    assert check_strategy.main(["seer"]) == 65
    assert "looks_ahead: entry at bar" in capsys.readouterr().out
    asked = ["--desk", DESK, "--strategy", "seer", "--account", "krw", "--benchmarks", "SMPIDX"]
    with pytest.raises(BadDataError, match=r"strategy seer: looks_ahead: .* It cannot be traded"):
        run_bt.main(asked)
    with pytest.raises(BadDataError, match="It cannot be traded"):
        run_sweep.main(["--desk", DESK, "--strategy", "seer", "--account", "krw", "--sweep", "max_bars=5,10"])
    capsys.readouterr()
    assert run(run_bt.main, [*asked, "--despite-look-ahead"]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("[WARN] strategy seer cannot be traded, its figures mean")


def test_one_that_has_changed_is_read_again_and_a_name_of_the_librarys_is_refused(own: Write) -> None:
    own("fickle", TREND)
    assert make_setup("fickle", {"margin": 0.5}, source="").lookback == 88
    own("fickle", TREND.replace("window + 5", "window + 50"))
    assert make_setup("fickle", {}, source="").lookback == 133
    own("ma_cross", TREND)
    try:
        with pytest.raises(ConfigError, match=r"strategies/ma_cross.py has the name of one of the library's"):
            make_setup("ma_cross", {}, source="desk.yaml")
    finally:
        from utils import paths

        (paths.root() / "strategies/ma_cross.py").unlink()
    assert "fickle" in REGISTRY and REGISTRY.is_own("fickle") and not REGISTRY.is_own("ma_cross")


def test_a_record_of_it_travels(own: Write) -> None:
    own("trend", TREND)
    setup = make_setup("trend", {"margin": 0.25, "window": 30}, source="")
    assert pickle.loads(pickle.dumps(setup)) == setup


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TREND.replace("df.close >", "df.clos >"), r"it.py: line 8: AttributeError: .*'clos'"),
        (TREND.replace('"exit": left', '"exits": left'), "no column exit"),
        (TREND.replace('"mean": mean', '"stops": mean'), "unknown column 'stops'; did you mean 'stop'"),
        (TREND.replace("return pd.DataFrame(", "return (").replace("})", "})"), "gives dict, not a DataFrame"),
        (TREND.replace('"mean": mean})', '"mean": mean}).dropna()'), "rows for .* bars; keep one for each"),
        (
            TREND.replace('"mean": mean})', '"mean": mean}).shift(freq="D")'),
            r"row 0 that signals gives is of 19.*, the bar of 1997-06-13 .*: give the rows in",
        ),
        (TREND.replace('"mean": mean})', '"mean": mean})[::-1]'), "row 0 that signals gives is of"),
        (TREND.replace('"mean": mean})', '"mean": mean}).iloc[[0, *range(len(df) - 1)]]'), "row 1 that signals gives"),
        (
            TREND.replace('"mean": mean})', '"mean": mean}).rename(columns={"stop": "exit"})'),
            "has two columns 'exit'",
        ),
        (TREND.replace('"entry": above', '"entry": df.close'), "'entry' is to be True or False, and has"),
    ],
)
def test_what_it_answers_wrongly_is_told_with_its_column_or_line(own: Write, text: str, says: str) -> None:
    own("it", text)
    with pytest.raises(ConfigError, match=says):
        make_setup("it", {}, source="here").signals(walk(300, seed=1))


@pytest.mark.parametrize(
    "peek",
    [
        "df.close > df.close.rolling(5, center=True).mean()",
        "df.close > df.close.mean()",
        "df.close > df.close.where(df.close > df.close.shift(1)).bfill()",
        'df.close < df.close.resample("W").transform("last")',
        "df.close.rank(pct=True) > 0.8",
        "df.close > df.close.iloc[-1]",
    ],
)
def test_every_way_of_looking_ahead_in_pandas_is_found(own: Write, peek: str) -> None:
    own("seer", SEER.replace("df.close.shift(-1) > df.close", peek))
    assert battery.failures(make_setup("seer", {}, source=""), walk(400, seed=4))[0].startswith("looks_ahead: entry")


@pytest.mark.parametrize(
    "given",
    [
        'pd.DataFrame({"entry": entry.to_numpy(), "exit": left.to_numpy()})',  # numbered
        'pd.DataFrame({"entry": entry, "exit": left}).tz_localize(None)',
        'pd.DataFrame({"entry": entry.astype(object).where(df.low.shift(2) > 0), "exit": left.astype("boolean")})',
        'pd.DataFrame({"entry": entry.astype(int), "exit": left.astype(float)})',
    ],
)
def test_bools_and_rows_count_as_pandas_gives_them(own: Write, given: str) -> None:
    rule = (
        "def signals(df):\n    entry, left = df.close > df.open.shift(1), df.close < df.open.shift(1)\n    return {}\n"
    )
    plain = 'pd.DataFrame({"entry": entry, "exit": left})'
    found = []
    for text in (plain, given):
        own("it", rule.format(text) + "\n\nENTRY = frames.strategy(signals, lookback=5)\n")
        found.append(make_setup("it", {}, source="").signals(walk(300, seed=2)))
    assert np.array_equal(found[0].entry, found[1].entry) and np.array_equal(found[0].exit, found[1].exit)
    assert found[0].entry.sum() > 20


@pytest.mark.parametrize(
    ("text", "params", "says"),
    [
        (TREND, {"window": 1}, "window: 1 is outside 2..500"),
        (TREND, {"margin": "much"}, "margin: 'much' is not a number"),
        (TREND, {"side": "both"}, "'both' is neither of long; it has no short side"),
        (TREND.replace("ENTRY =", "NO ="), {}, "has no ENTRY; below a signals"),
        (
            TREND.replace('kind="sma"', "kind=None"),
            {},
            "parameter kind of signals needs a number or a text as its default",
        ),
        (TREND.replace("margin=0.0", "max_bars=3"), {}, "has a name that means something else: rename it"),
        (TREND.replace('"window": (2', '"windows": (2'), {}, "ranges and ascending name windows"),
    ],
)
def test_what_cannot_be_is_refused_before_a_bar_is_read(
    own: Write, text: str, params: dict[str, float | str], says: str
) -> None:
    own("it", text)
    with pytest.raises((ConfigError, UsageError), match=says):
        make_setup("it", params, source="here")


BUSY = """def signals(df, window=20):
    {busy}
    return pd.DataFrame({{"entry": busy, "exit": df.close < df.close.rolling(window).mean()}})


ENTRY = frames.strategy(signals, lookback=21{more})
"""


@pytest.mark.parametrize(
    ("busy", "more", "reads"),
    [
        ("busy = df.volume > 2 * df.volume.rolling(window).mean()", "", True),
        ('busy = df["volume"].diff() > 0', "", True),
        ("busy = df.close.diff() > 0  # no volume here", "", False),
        ("busy = df.volume.diff() > 0", ", volume=False", False),
        ("busy = df.iloc[:, 4].diff() > 0", ", volume=True", True),
    ],
)
def test_one_that_reads_volume_refuses_bars_without_any(own: Write, busy: str, more: str, reads: bool) -> None:
    own("busy", BUSY.format(busy=busy, more=more))
    bars = walk(300, seed=3)
    without = replace(bars, volume=np.zeros(300))
    for params in ({}, {"stop_atr": 2.0}):
        setup = make_setup("busy", params, source="here")
        assert setup.lookback == 84
        assert len(setup.signals(bars).entry) == 300
        if not reads:
            assert len(setup.signals(without).entry) == 300
            continue
        with pytest.raises(BadDataError, match="strategy busy reads volume, and these 300 bars have none"):
            setup.signals(without)
        still = {name: np.full(300, 5.0) for name in ("open", "high", "low", "close")}
        assert not setup.signals(replace(without, **still)).entry.any()  # nobody traded: 0 is what was counted
