"""Health's checks of a desk on fetched bars: who is gone is no alarm, and a market without bars is one line."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from pyjobs import healthcheck, import_bars
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe import symbol_states
from pyjobs.reporting.fetches.bring_up_to_date import begun
from utils.run import run

NOW_S = int(dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC).timestamp())  # a Saturday
FRIDAY_MS = int(dt.datetime(2026, 11, 20, 21, tzinfo=dt.UTC).timestamp()) * 1000
DESK = """\
name: mine
market: XNYS
accounts: {usd: {currency: USD, cash: 1000, max_positions: 2, max_weight: 0.5}}
setups: {}
universe:
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_NOW", str(NOW_S))
    return tmp_path


def told(home: Path, symbols: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, str]]:
    """State and detail of each check of data."""
    (home / "desk.yaml").write_text(f"{DESK}  - {{exchange: YAHOO, symbols: [{', '.join(symbols)}]}}\n")
    capsys.readouterr()
    run(healthcheck.main, ["--json", "1", "--desk", str(home / "desk.yaml")])
    checks = json.loads(capsys.readouterr().out)["checks"]
    return {one["name"]: (one["state"], one["detail"]) for one in checks if one["kind"] == "data"}


def stored(home: Path, symbol: str, close_ms: int) -> None:
    price = np.array([10.0])
    bars = Bars(ts_ms=np.array([close_ms]), open=price, high=price, low=price, close=price, volume=price)
    key = SeriesKey(exchange="YAHOO", symbol=symbol, timeframe="1d")
    BarStore(home / "data/raw").write(
        key, bars, provider="yf_etf", fetched_at_ms=FRIDAY_MS, adjusted="adjusted", last_final=True
    )


def known(state: symbol_states.Standing, sessions: int = 1) -> symbol_states.SymbolState:
    return symbol_states.SymbolState(state=state, since="2026-11-09", asked_ms=FRIDAY_MS, sessions=sessions)


def test_a_series_nobody_waits_for_is_no_alarm_and_a_silent_one_is(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(home, "GOOD", FRIDAY_MS)
    for symbol in ("GONE", "QUIET", "LATE"):
        stored(home, symbol, FRIDAY_MS - 14 * 86_400_000)
    changes = {"GONE:1d": known("gone"), "QUIET:1d": known("silent", 6), "LATE:1d": known("silent", 2)}
    symbol_states.save("YAHOO", {**changes, "NOPE:1d": known("unknown")})
    found = told(home, ["GOOD", "GONE", "QUIET", "LATE", "NOPE", "NEW"], capsys)
    states = {name.split(":")[1]: state for name, (state, _) in found.items()}
    assert states == {"GOOD": "OK", "GONE": "OK", "QUIET": "OK", "LATE": "FAIL", "NOPE": "WARN", "NEW": "WARN"}
    assert found["data YAHOO:GONE:1d"][1] == "gone since 2026-11-09: its bars are not waited for"
    assert found["data YAHOO:NEW:1d"][1].startswith("no bars yet, others of YAHOO have some")
    assert found["data YAHOO:NEW:1d"][1].endswith(f"python -m pyjobs.fetch --desk {home / 'desk.yaml'}")


@pytest.mark.parametrize(
    ("where", "flag"),
    [("config/desk.yaml", ""), ("config/desks/us.yaml", " --desk us"), ("my desks/us.yaml", " --desk '{}'")],
)
def test_a_command_that_is_printed_is_about_the_desk_it_was_printed_for(
    home: Path, capsys: pytest.CaptureFixture[str], where: str, flag: str
) -> None:
    path = home / where
    path.parent.mkdir(parents=True)
    path.write_text(f"{DESK.replace('mine', path.stem)}  - {{exchange: YAHOO, symbols: [SPY]}}\n")
    assert run(import_bars.main, ["--desk", str(path)]) == 0
    assert capsys.readouterr().out.endswith(f"its bars are fetched: python -m pyjobs.fetch{flag.format(path)}\n")


@pytest.mark.parametrize(("where", "flag"), [("config/desk.yaml", ""), ("config/desks/us.yaml", " --desk us")])
def test_a_desk_that_is_still_being_made_is_named_by_where_it_will_be(home: Path, where: str, flag: str) -> None:
    draft = home / "draft.yaml"  # as new_desk has it in a folder that is gone afterwards
    draft.write_text(f"{DESK}  - {{exchange: YAHOO, symbols: [SPY]}}\n")
    _, job = begun(draft, kept_at=home / where)
    assert job.named == flag


def test_thirty_one_series_without_a_bar_are_one_row_that_names_them_all(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"S{number}" for number in range(31)]
    found = told(home, names, capsys)
    assert list(found) == ["data"] and found["data"][0] == "FAIL"
    assert found["data"][1].startswith("31, the first data YAHOO:S0:1d: no bars at all")
    run(healthcheck.main, ["--json", "1", "--desk", str(home / "desk.yaml")])
    (row,) = [one for one in json.loads(capsys.readouterr().out)["checks"] if one["kind"] == "data"]
    assert sorted(row["names"]) == sorted(f"data YAHOO:{name}:1d" for name in names)
