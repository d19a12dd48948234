"""Splits worked into raw prices."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.market.desk.corporate_actions import Action, actions_of, adjusted, concerning, derived_file, read_actions
from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.desk.instrument import Instrument
from utils.errors import BadDataError

HEADER = "symbol,session,action,ratio,note\n"


def test_prices_before_a_split_are_divided_and_volumes_multiplied_and_two_splits_compound() -> None:
    price = np.array([1000.0, 1100.0, 110.0, 55.0])
    bars = Bars(
        ts_ms=np.arange(4), open=price, high=price, low=price, close=price, volume=np.array([1.0, 2.0, 3.0, 4.0])
    )
    days = [dt.date(2026, 1, day) for day in (1, 2, 5, 6)]
    splits = [
        Action(symbol="A", session=dt.date(2026, 1, 5), kind="split", ratio=10.0),
        Action(symbol="A", session=dt.date(2026, 1, 6), kind="split", ratio=2.0),
    ]
    new = adjusted(bars, splits, days)
    assert new.close.tolist() == [50.0, 55.0, 55.0, 55.0]
    assert new.volume.tolist() == [20.0, 40.0, 6.0, 4.0]


def bars_at(closes: list[float]) -> tuple[Bars, list[dt.date]]:
    price = np.array(closes)
    n = price.size
    bars = Bars(ts_ms=np.arange(n), open=price, high=price, low=price, close=price, volume=np.full(n, 6.0))
    return bars, [dt.date(2026, 1, 1) + dt.timedelta(days=day) for day in range(n)]


def test_prices_before_a_dividend_are_scaled_so_that_its_day_is_no_fall() -> None:
    """100, then ex 4 at 98: 100 x 0.96 = 96, so the day made 98 / 96. Ex 9.8 a day on at 90: both times 0.9."""
    bars, days = bars_at([100.0, 98.0, 90.0])
    actions = [
        Action(symbol="A", session=days[1], kind="dividend", ratio=4.0),
        Action(symbol="A", session=days[2], kind="dividend", ratio=9.8),
    ]
    new = adjusted(bars, actions, days)
    assert new.close.tolist() == pytest.approx([86.4, 88.2, 90.0])
    assert new.volume.tolist() == [6.0, 6.0, 6.0]
    assert new.close[1] / new.close[0] == pytest.approx((98 + 0) / (100 - 4))


def test_a_dividend_on_a_splits_day_is_per_new_share() -> None:
    """100 splits two for one and pays 5 per new share: 50 - 5 = 45 is where it would open unmoved."""
    bars, days = bars_at([100.0, 45.0])
    for order in (1, -1):
        actions = [
            Action(symbol="A", session=days[1], kind="split", ratio=2.0),
            Action(symbol="A", session=days[1], kind="dividend", ratio=5.0),
        ][::order]
        assert adjusted(bars, actions, days).close.tolist() == pytest.approx([45.0, 45.0])


def test_of_prices_with_splits_only_the_dividends_are_worked_in_in_shares_of_now() -> None:
    """1 a share on the second day, then two for one: of 50 for a share of now 0.5 go, so 50 becomes 49.5."""
    bars, days = bars_at([50.0, 49.5, 49.0])
    actions = [
        Action(symbol="A", session=days[1], kind="dividend", ratio=1.0),
        Action(symbol="A", session=days[2], kind="split", ratio=2.0),
    ]
    hours = Instrument(
        symbol="A", exchange="YAHOO", market="XNYS", timeframe="1h", currency="USD", prices="split", fetched=True
    )
    known = concerning(hours, actions, days[2])
    assert adjusted(bars, known, days).close.tolist() == pytest.approx([49.5, 49.5, 49.0])
    assert adjusted(bars, known, days).volume.tolist() == [6.0, 6.0, 6.0]


def test_a_dividend_above_the_price_is_refused_and_one_before_the_first_bar_changes_nothing() -> None:
    bars, days = bars_at([100.0, 98.0])
    with pytest.raises(BadDataError, match="A: a dividend of 100 on 2026-01-02 is not below the close before it, 100"):
        adjusted(bars, [Action(symbol="A", session=days[1], kind="dividend", ratio=100.0)], days)
    same = adjusted(bars, [Action(symbol="A", session=days[0], kind="dividend", ratio=500.0)], days)
    assert same.close.tolist() == [100.0, 98.0]


def test_splits_and_dividends_are_read_by_session_and_a_reverse_split_is_below_one(tmp_path: Path) -> None:
    path = tmp_path / "corporate_actions.csv"
    path.write_text(
        HEADER + "B,2026-02-02,split,1:10,\nA,2025-01-02,dividend,5,\nA,2025-01-02,merger,,\n"
        "A,2018-05-04,split,50:1,Samsung's was like this\n"
    )
    read = [(each.symbol, each.kind, each.ratio) for each in read_actions(path)]
    assert read == [("A", "split", 50.0), ("A", "dividend", 5.0), ("B", "split", 0.1)]
    assert read_actions(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    "row",
    [
        *("A,2018-05-04,split,x:1,", "A,May,split,50:1,", "A,2018-05-04,split,0:1,", "A,2018-05-04,split,1:0"),
        *("A,2018-05-04,dividend,5:1,", "A,2018-05-04,dividend,-1,", "A,2018-05-04,dividend,,"),
    ],
)
def test_an_action_that_cannot_be_read_names_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "corporate_actions.csv"
    path.write_text(HEADER + row + "\n")
    with pytest.raises(BadDataError, match="line 2"):
        read_actions(path)


def test_the_users_own_line_about_an_event_stands_in_place_of_a_derived_base_and_each_exchange_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    desk = load_desk(written(tmp_path, ["KRX", "OTHER"]))
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps/corporate_actions.csv").write_text(
        HEADER + "000010,2026-05-06,split,5:1,\n000020,2026-05-06,dividend,100,\n"
    )
    derived_file("KRX").parent.mkdir(parents=True)
    derived_file("KRX").write_text(
        "symbol,session,action,ratio,source\n000010,2026-05-08,base,0.2,KRX\n000010,2026-05-14,base,0.5,KRX\n"
        "000020,2026-05-06,base,0.5,KRX\n000020,2026-05-07,auctioned,9,KRX\n"
    )
    found = [(each.symbol, each.kind, each.session.day, each.exchange) for each in actions_of(desk)]
    assert found == [
        ("000010", "split", 6, ""), ("000020", "dividend", 6, ""), ("000020", "base", 6, "KRX"),
        ("000010", "base", 14, "KRX"),
    ]  # fmt: skip
    at_krx, elsewhere = (
        concerning(next(i for i in desk.instruments if (i.symbol, i.exchange) == ("000010", name)), actions_of(desk),
                   dt.date(2026, 5, 31))
        for name in ("KRX", "OTHER")
    )  # fmt: skip
    assert [each.kind for each in at_krx] == ["split", "base"] and [each.kind for each in elsewhere] == ["split"]


def test_a_dividend_on_the_day_of_a_base_is_per_new_share() -> None:
    """100 becomes 50 by a bonus issue, and 5 per new share go: 45 is where it would open unmoved."""
    bars, days = bars_at([100.0, 45.0])
    actions = [
        Action(symbol="A", session=days[1], kind="base", ratio=0.5),
        Action(symbol="A", session=days[1], kind="dividend", ratio=5.0),
    ]
    new = adjusted(bars, actions, days)
    assert new.close.tolist() == pytest.approx([45.0, 45.0])
    assert new.volume.tolist() == [12.0, 6.0]


def written(folder: Path, exchanges: list[str]) -> Path:
    lines = ["name: d", "market: XKRX", "dumps: dumps", "accounts: {}", "setups: {}", "instruments:"]
    lines += [
        f'  - {{symbol: "{symbol}", exchange: {exchange}, market: XKRX, timeframe: 1d, file: x.csv, currency: KRW}}'
        for exchange in exchanges
        for symbol in ("000010", "000020")
    ]
    path = folder / "desk.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path
