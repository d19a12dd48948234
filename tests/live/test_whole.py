"""A whole journal at once, compiled, says what a bar at a time says: that all is the same, or that something is not."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from pyjobs.account.single import equity_loop
from pyjobs.live import kill_switch
from pyjobs.live.deciding import one_bar, row_text, trade_text, whole
from pyjobs.live.deciding.seen import Seen
from pyjobs.live.equal import logs, window
from pyjobs.live.equal import replay as replaying
from pyjobs.live.feed import Answer
from pyjobs.live.journal import line_loops, names
from pyjobs.live.journal.lines import LinesFile, chained
from pyjobs.live.journal.rows import Rows, scanned
from pyjobs.strategy import kernel
from tests.live.support.defects import put
from tests.live.support.worlds import a_loop, a_spec, fed, walk
from utils.csv_text import cells

BARS = walk(200, seed=21)


def a_life(**changed: object) -> logs.Log:
    """Plain bars, some late, a kill that flattens; the first have too few before them."""
    spec = a_spec(**changed)
    loop = fed(a_loop(spec), BARS, 4, 90)
    loop.take(Answer(bars=BARS.slice(40, 110), final=False))
    kill_switch.turn_on("drill", flatten=True, at="now")
    fed(loop, BARS, 111, 130)
    kill_switch.release()
    fed(loop, BARS, 131, 200)
    loop.journal.close()
    return logs.read(spec.place, live=True)


def held_against(log: logs.Log, rows: Rows | None = None) -> whole.Ended | None:
    """What the compiled loops say of its decisions, or of these."""
    rows = log.decisions if rows is None else rows
    forbids, lane = replaying.forbidden(rows), logs.spec_of(log).lane("test")
    first = int(np.searchsorted(log.bars.ts_ms, rows.ts_ms[0]))
    return whole.same_rows(lane, log.seen, rows, forbids, first, at_stop=True, block=64)


def test_a_life_with_all_kinds_of_rows_is_the_same_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"fast": 3, "slow": 8, "stop_atr": 1.5, "side": "both", "max_bars": 9, "trail": 0.013}
    log = a_life(params=params, gap=2)
    words = {word for row in log.decisions for word in row[replaying.BLOCKED].split("+")}
    assert {"late", "kill", "flatten", "not_enough_bars"} <= words
    made = held_against(log)
    assert made is not None and whole.same_trades(logs.spec_of(log).lane("test"), made, log.trades)
    monkeypatch.setattr(replaying, "_by_bar", None)  # the core is not asked
    assert replaying.replay(log, logs.spec_of(log).lane("test")) is None


def test_any_other_byte_of_a_deterministic_cell_is_seen() -> None:
    log = a_life()
    rows, rng = log.decisions[:], np.random.default_rng(5)
    for cell in range(names.TS_MS + 1, names.DETERMINISTIC):
        at = int(rng.integers(20, len(rows)))
        spoilt = [list(row) for row in rows]
        spoilt[at][cell] += "0" if "." in spoilt[at][cell] else "x"  # 1.50 is the number, and not its text
        assert held_against(log, Rows.of(spoilt, len(names.DECISIONS))) is None, (at, cell)
    assert held_against(log, Rows.of(rows, len(names.DECISIONS))) is not None
    at = 150  # and a whole file that was sealed again is looked at by the core, which names the row
    rows[at][names.DECISIONS.index("equity")] += "1"
    put(log.place.decisions, [row[:-1] for row in rows], resealed=True)
    found = replaying.replay(logs.read(log.place, live=True), logs.spec_of(log).lane("test"))
    assert found is not None and found.row == at and found.ts_ms == int(rows[at][names.TS_MS])


def test_any_other_byte_of_a_trade_is_seen() -> None:
    log = a_life()
    made, lane, rows, rng = held_against(log), logs.spec_of(log).lane("test"), log.trades[:], np.random.default_rng(6)
    assert made is not None and len(rows) > 3 and rows[0][names.TRADES.index("stop")] != "-"
    for cell in range(names.TS_MS, whole.OF_A_TRADE):
        at = int(rng.integers(0, len(rows)))
        spoilt = [list(row) for row in rows]
        spoilt[at][cell] += "0"
        assert not whole.same_trades(lane, made, Rows.of(spoilt, len(names.TRADES))), (at, cell)
    for other in (rows[1:], rows[:-1], [*rows, rows[-1]], [rows[1], rows[0], *rows[2:]]):
        assert not whole.same_trades(lane, made, Rows.of(other, len(names.TRADES)))
    assert whole.same_trades(lane, made, Rows.of(rows, len(names.TRADES)))
    rows[2][names.TRADES.index("decided_at")] += "1"
    put(log.place.trades, [row[:-1] for row in rows], resealed=True)
    found = replaying.replay(logs.read(log.place, live=True), lane)
    assert found is not None and (found.layer, found.row) == ("trades", 2)


@pytest.mark.parametrize("bars", [0, pytest.param(100_000, marks=pytest.mark.torture)])
def test_the_nightly_backtest_by_compiled_loops_is_that_of_the_core_bar_by_bar(
    bars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"fast": 3, "slow": 8, "stop_atr": 1.5, "side": "both", "max_bars": 9, "trail": 0.013}
    log = a_life(params=params, gap=2)
    seen = Seen.of(walk(bars, home_every=288)) if bars else log.seen
    factors = seen.factors.copy()
    factors[len(seen) // 2 :: 70_000] = 0.5  # and a split amid it
    lane = logs.spec_of(log).lane("test")
    for made in (seen, Seen(bars=seen.bars, factors=factors)):
        first = 0 if bars else 4  # too few bars are known at first
        twin = replace(log, seen=made, decisions=Rows.of([[*"abc", str(made.bars.ts_ms[k])] for k in (first, -1)], 4))
        slow = window.as_log(twin, lane, code="1234", by_bar=True)
        with monkeypatch.context() as patch:
            patch.setattr(window, "decided", None)  # the core is not asked
            fast = window.as_log(twin, lane, code="1234")
        for one, other in ((fast.decisions, slow.decisions), (fast.trades, slow.trades)):
            assert one.text.tobytes() == other.text.tobytes() and one.ends.tolist() == other.ends.tolist()
            assert one.starts.tolist() == other.starts.tolist() and one.ts_ms.tolist() == other.ts_ms.tolist()
        assert len(fast.decisions) == len(seen) - first and len(fast.trades) > 4


@pytest.mark.parametrize(
    ("cell", "bits"),
    [
        ("", 0), ("late", 4), ("late+kill", 5), ("kill+flatten", 7), ("no_cash", 8), ("late+no_cash", 12),
        ("not_enough_bars", 16), ("late+cadence_failed", 36), ("features_invalid+no_cash", 56),
        ("no_cash+late", whole.OTHER), ("not_enough_bars+late", whole.OTHER), ("rain", whole.OTHER),
    ],
)  # fmt: skip
def test_what_forbade_an_entry_is_read_or_is_no_loops(cell: str, bits: int) -> None:
    assert whole.forbids_of(cell) == bits


def test_lines_that_are_not_plain_are_left_to_be_named(tmp_path: Path) -> None:
    file = LinesFile(path=tmp_path / "x.csv", columns=names.EVENTS)
    bodies = [f"MADEUP,BTC,5m,{ts},start,{'x' * ts},now" for ts in range(1, 30)]
    good, width = chained("", bodies)[0].encode(), len(names.EVENTS)
    rows = scanned(good, 0, width, step=1)
    assert rows is not None and rows[:] == file.verified(good.decode().splitlines(), "")
    assert rows[-1][:4] == ["MADEUP", "BTC", "5m", "29"] and rows[3:5] == list(rows)[3:5]
    assert rows.has(3, b"7").tolist() == [row[3] == "7" for row in rows]
    for spoilt in (good.replace(b"xxx", b"xxy", 1), good.replace(b"now", b"no\xc3\xa9", 1), good[5:], good + b"\n"):
        assert scanned(spoilt, 0, width, step=1) is None
    backwards = chained("", bodies[::-1])[0].encode()
    assert scanned(backwards, 0, width, step=0) is None and scanned(backwards, 0, width, step=-1) is not None
    umlauts = chained("", [body.replace("start", "stärt") for body in bodies])[0]
    assert logs.lines(file, (file.heading + umlauts).encode(), strictly=True)[4][4] == "stärt"
    never = chained("", [f"MADEUP,BTC,5m,{'9' * 30},start,x,now"])[0]
    with pytest.raises(logs.BadLine, match="the row of ts_ms 9999"):
        logs.lines(file, (file.heading + never).encode(), strictly=True)


def test_numbers_are_read_as_python_reads_them() -> None:
    rng = np.random.default_rng(3)
    told = [repr(x) for x in rng.normal(0, 10.0 ** rng.integers(-8, 9, 400)).tolist()]
    told += ["0", "-0", "-0.0", "1e5", "123456789012345", "0.1234567890123456", "-7", "30000.10", "5.", "1_0", "nan"]
    rows = Rows.of([["a", "b", "c", str(k), text] for k, text in enumerate(told)], 5)
    assert rows.floats(4, 1)[0].tobytes() == np.array([float(text) for text in told]).tobytes()
    plain = [text for text in told if text not in ("5.", "1_0", "nan")]  # Python alone reads those
    for text in [*told, "1e-05", "1.5e+300", "-", "", "1e", "e5", "1e+-5", "--1", "+1", ".5", "1.2.3", "0x1", " 1"]:
        one = Rows.of([["a", "b", "c", "1", text]], 5)
        assert one.are_numbers((4,), 3) == (text in [*plain, "1e-05", "1.5e+300"]), text
        assert one.are_numbers((3, 4), 4) == (text in [*plain, "1e-05", "1.5e+300", "-"]), text
    for wrong in ("", "-", ".", "1.2.3", "x"):
        with pytest.raises(ValueError, match="could not convert"):
            Rows.of([["a", "b", "c", "1", wrong]], 5).floats(4, 1)


def test_a_checksum_by_eight_bytes_is_zlibs() -> None:
    text, tables = np.frombuffer(bytes(range(200)), np.uint8), whole.tables()
    for size in (0, 1, 7, 8, 9, 100, 200):
        found = line_loops.summed(text.astype(np.int64), 0, size, line_loops.ALL_ONES, tables) ^ line_loops.ALL_ONES
        assert found == crc32(bytes(range(size)))


def test_modules_that_are_compiled_together_mean_one_thing_by_a_name() -> None:
    meant = defaultdict(set)
    for module in (kernel, equity_loop, one_bar, line_loops, cells, row_text, trade_text):
        for name, value in vars(module).items():
            if name.isupper() and name != "STATE":  # the kernel's and the money's: none of the loops uses either
                meant[name].add(repr(value))
    assert not {name: values for name, values in meant.items() if len(values) > 1}
