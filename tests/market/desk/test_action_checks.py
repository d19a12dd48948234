"""corporate_actions.csv written wrong: refused, or reported; and weekly bars that are called daily."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.market.desk import action_checks
from pyjobs.market.desk.corporate_actions import KINDS, read_actions
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.desk.snapshot import Series, Snapshot
from utils import trading_day
from utils.errors import BadDataError

XKRX = trading_day.load("XKRX")
SPLIT = dt.date(2026, 4, 2)  # a Thursday
KNOWN = list(KINDS)


def a_file(folder: Path, *lines: str) -> Path:
    path = folder / "corporate_actions.csv"
    path.write_text("symbol,session,action,ratio,note\n" + "".join(f"{line}\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            ["AAA,2026-04-02,split,10:1,", "AAA,2026-04-02,split,10:1,"],
            "line 3: AAA 2026-04-02 split is there twice",
        ),
        (["AAA,2026-04-02,Split,10:1,"], "'Split': write it 'split'"),
        (["AAA,2026-04-02,splitt,10:1,"], "'splitt': write it 'split'"),
        (["AAA,2026-04-02,DIVIDEND,5,"], "'DIVIDEND': write it 'dividend'"),
        (["AAA,2026-04-02,dividends,5,"], "'dividends': write it 'dividend'"),
    ],
)
def test_what_is_nearly_right_is_refused_with_its_line(tmp_path: Path, lines: list[str], says: str) -> None:
    with pytest.raises(BadDataError) as refused:
        read_actions(a_file(tmp_path, *lines))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("005930,2026-04-02,split,10:1,", None),
        ("5930,2026-04-02,split,10:1,", "no instrument of the desk has that symbol: write 005930"),
        ("AAA,2026-04-02,split,10:1,", "no instrument of the desk has that symbol"),
        ("OLD,2026-04-02,split,10:1,", None),  # it has bars, of another desk
        ("005930,2026-04-04,split,10:1,", "that day is no session of XKRX"),
        ("005930,2026-04-02,merger,1,", "'merger' is no action that is worked in"),
    ],
)
def test_what_matches_nothing_is_said(tmp_path: Path, line: str, says: str | None) -> None:
    found = action_checks.of_file(a_file(tmp_path, line), {"005930": "XKRX"}, KNOWN, ["OLD"])
    assert (says is None) == (found == [])
    assert says is None or (found[0].startswith("[WARN] corporate_actions.csv line 2:") and says in found[0])


def a_snapshot(opens: list[float], closes: list[float], sessions: list[trading_day.Session]) -> Snapshot:
    each = Instrument(symbol="AAA", exchange="KRX", market="XKRX", timeframe="1d", currency="KRW", file="a.csv")
    desk = Desk(name="x", market="XKRX", dumps=".", accounts={}, setups={}, instruments=[each])
    ts = np.array([session.close_utc_s * 1000 for session in sessions])
    o, c = np.array(opens), np.array(closes)
    bars = Bars(ts_ms=ts, open=o, high=np.maximum(o, c), low=np.minimum(o, c), close=c, volume=np.ones(len(o)))
    series = Series(instrument=each, bars=bars, last_session=sessions[-1].date, stale=False)
    return Snapshot(desk=desk, session=sessions[-1].date, asof_ts_ms=int(ts[-1]), series=(series,))


def around_the_split(factor_until: float) -> Snapshot:
    """Twenty sessions at 100, from the split on at 10 (before it, times `factor_until`)."""
    sessions = XKRX.sessions_between(dt.date(2026, 3, 16), dt.date(2026, 4, 13))
    prices = [10.0 if session.date >= SPLIT else 100.0 * factor_until for session in sessions]
    return a_snapshot(prices, prices, sessions)


def test_an_action_that_the_prices_bear_out_is_no_doubt() -> None:
    assert action_checks.of_prices(around_the_split(0.1), {"AAA": [SPLIT]}) == []


def test_a_jump_without_an_action_looks_like_one_that_is_missing() -> None:
    (line,) = action_checks.of_prices(around_the_split(1.0), {})
    assert "opens on 2026-04-02 at 0.1 of the last close: an action that the file has not?" in line


def test_an_action_a_day_early_contradicts_the_prices_on_both_days() -> None:
    """Worked in by hand: everything before 04-01 is divided by ten, the fall itself is on 04-02."""
    sessions = XKRX.sessions_between(dt.date(2026, 3, 16), dt.date(2026, 4, 13))
    early = dt.date(2026, 4, 1)
    prices = [10.0 if s.date >= SPLIT else 100.0 if s.date == early else 10.0 for s in sessions]
    found = action_checks.of_prices(a_snapshot(prices, prices, sessions), {"AAA": [early]})
    assert "the prices contradict its action of 2026-04-01: they open at 10 of the last close" in found[0]
    assert "opens on 2026-04-02 at 0.1" in found[1]


def test_an_ordinary_limit_day_is_no_doubt() -> None:
    sessions = XKRX.sessions_between(dt.date(2026, 3, 16), dt.date(2026, 3, 18))
    assert action_checks.of_prices(a_snapshot([100.0, 130.0, 91.0], [100.0, 130.0, 91.0], sessions), {}) == []


def test_weekly_bars_that_are_called_daily_are_said() -> None:
    every = XKRX.sessions_between(dt.date(2026, 1, 2), dt.date(2026, 6, 30))
    weekly = [session for session in every if session.date.weekday() == 4]
    flat = [10.0] * len(weekly)
    (line,) = action_checks.sparse(a_snapshot(flat, flat, weekly))
    assert line.startswith(f"[WARN] AAA 1d has {len(weekly)} bars in ") and "weekly bars called daily?" in line
    assert action_checks.sparse(a_snapshot([10.0] * len(every), [10.0] * len(every), every)) == []
