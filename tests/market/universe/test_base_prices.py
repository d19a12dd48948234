"""Base prices of KRX: what a split, an issue, an auction and rounding make of them.

krx_bases.csv was made by hand, its ratios too. The splits in it are after Samsung's of 2018-05-04 (it opened at its
base of 53 000, newsis.com NISX20180504_0000299985), Naver's of 2018-10-12 and Kakao's of 2021-04-15, whose bases are
rounded to the ticks of then.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.market.desk.corporate_actions import adjusted, read_actions
from pyjobs.market.desk.listings import read_listing, write_listing
from pyjobs.market.krx_ticks import tick_of
from pyjobs.market.providers.base import Refused
from pyjobs.market.providers.krx_board import BoardDay, BoardRow, ShareDay, board_day
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import (
    BaseChange,
    Before,
    Last,
    base_changes,
    before_of,
    before_of_listing,
    check_follows,
    history_changes,
)
from pyjobs.market.universe.boards import listing_of
from tests.fakemarket.bars import day_ms
from tests.fakemarket.krx import board_rows
from tests.fakemarket.krx_shares import Event
from tests.fakemarket.server import FakeMarket
from utils import trading_day
from utils.errors import BadDataError

WEDNESDAY, THURSDAY, FRIDAY = (dt.date(2026, 11, day) for day in (18, 19, 20))
CASES = list(csv.DictReader((Path(__file__).parent / "krx_bases.csv").open(encoding="utf-8")))
FIELDS = ("ISU_SRT_CD", "ISU_ABBRV", "MKT_ID", "TDD_OPNPRC", "TDD_HGPRC", "TDD_LWPRC", "TDD_CLSPRC", "ACC_TRDVOL",
          "ACC_TRDVAL", "CMPPREVDD_PRC", "FLUC_RT", "LIST_SHRS")  # fmt: skip


def row_of(case: dict[str, str], symbol: str = "000010") -> BoardRow:
    opened, close, base = (float(case[name]) for name in ("open", "close", "base"))
    return BoardRow(
        symbol=symbol, name="가", open=opened, high=max(opened, close), low=min(opened, close), close=close, volume=5.0,
        turnover=5.0 * close, base=base, shares=int(case["shares"]),
    )  # fmt: skip


def day_of(*rows: BoardRow, session: dt.date = FRIDAY) -> BoardDay:
    return BoardDay(
        board="KOSPI", session=session, ts_ms=1, rows={row.symbol: row for row in rows}, fetched_at_ms=2, final=True
    )


def last_of(case: dict[str, str]) -> Last:
    return Last(*(float(case[f"{name}_before"]) for name in ("close", "turnover", "shares")))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_what_a_base_price_says(case: dict[str, str]) -> None:
    session = dt.date.fromisoformat(case["session"])
    yesterday = trading_day.load("XKRX").previous_session(session).date
    before = Before(session=yesterday, shares={"000010": last_of(case)})
    changes = base_changes(before, [day_of(row_of(case), session=session)])
    if not case["kind"]:
        assert changes == []
        return
    (change,) = changes
    assert (change.kind, change.session) == (case["kind"], session)
    assert change.ratio == pytest.approx(float(case["ratio"]), rel=1e-12)
    assert f"close of {yesterday} {float(case['close_before']):.0f}" in change.source


def test_a_first_session_is_listed_without_a_ratio_and_a_share_that_changes_boards_is_no_first() -> None:
    new, moved = row_of(CASES[0]), row_of(CASES[0], "000020")
    (change,) = base_changes(Before(session=THURSDAY, shares={"000020": last_of(CASES[0])}), [day_of(new, moved)])
    assert (change.symbol, change.kind) == ("000010", "first") and math.isnan(change.ratio)


def test_a_history_tells_what_boards_tell_and_its_first_session_nothing() -> None:
    split = next(case for case in CASES if case["case"].startswith("split 50:1"))
    halted = BoardRow(symbol="000010", name="", open=0, high=0, low=0, close=2_650_000, volume=0, turnover=0,
                      base=2_650_000, shares=128_386_494)  # fmt: skip
    days = [ShareDay(session=THURSDAY, row=halted), ShareDay(session=FRIDAY, row=row_of(split))]
    (change,) = history_changes(days)
    assert (change.kind, change.ratio, change.session) == ("base", 0.02, FRIDAY)
    assert history_changes(days[1:]) == []


def test_a_base_multiplies_older_prices_and_divides_older_volumes_so_that_its_day_is_no_fall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """558 000 won split five for one, then 120 500: (5 x 120 500) / 558 000 = 1.0797 to a holder."""
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    change = BaseChange(symbol="035720", session=FRIDAY, kind="base", ratio=0.2, source="KRX")
    assert keep_changes("KRX", [change]) == 1
    actions = read_actions(tmp_path / "data/actions/KRX.csv")
    price = np.array([558_000.0, 120_500.0])
    bars = Bars(ts_ms=np.arange(2), open=price, high=price, low=price, close=price, volume=np.array([10.0, 50.0]))
    new = adjusted(bars, actions, [THURSDAY, FRIDAY])
    assert new.close.tolist() == pytest.approx([111_600.0, 120_500.0])
    assert new.volume.tolist() == [50.0, 50.0]
    assert new.close[1] / new.close[0] == pytest.approx(5 * 120_500 / 558_000)


def test_the_file_is_merged_in_order_touched_only_for_news_and_lists_what_is_not_worked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    path = tmp_path / "data/actions/KRX.csv"
    one = BaseChange(symbol="000020", session=FRIDAY, kind="base", ratio=0.5, source="a, b")
    two = BaseChange(symbol="000010", session=FRIDAY, kind="first", ratio=math.nan, source="c")
    old = BaseChange(symbol="000030", session=WEDNESDAY, kind="auctioned", ratio=1.5, source="d")
    assert keep_changes("KRX", []) == 0 and not path.exists()
    assert keep_changes("KRX", [one]) == 1 and keep_changes("KRX", [two, old, one]) == 2
    assert path.read_text().splitlines() == [
        "symbol,session,action,ratio,source",
        "000030,2026-11-18,auctioned,1.5,d",
        "000010,2026-11-20,first,,c",
        '000020,2026-11-20,base,0.5,"a, b"',
    ]
    before = path.stat().st_mtime_ns
    assert keep_changes("KRX", [two, old, one]) == 0 and path.stat().st_mtime_ns == before
    assert [(each.symbol, each.kind, each.ratio) for each in read_actions(path)] == [("000020", "base", 0.5)]
    path.write_text("symbol,session\n")
    with pytest.raises(BadDataError, match="move the file away"):
        keep_changes("KRX", [one])


def _keep_for_ever(folder: str) -> None:
    os.environ["NIGHTDESK_HOME"] = folder
    many = [BaseChange(symbol=f"{n:06d}", session=FRIDAY, kind="base", ratio=0.5, source="x" * 50) for n in range(3000)]
    for turn in range(10_000):
        keep_changes("KRX", [BaseChange(symbol="A", session=FRIDAY, kind="base", ratio=1 + turn, source=""), *many])


def test_a_writer_killed_half_way_leaves_the_file_old_or_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    path = tmp_path / "data/actions/KRX.csv"
    for turn in range(4):
        writer = multiprocessing.get_context("spawn").Process(target=_keep_for_ever, args=(str(tmp_path),))
        writer.start()
        until = time.monotonic() + 60
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.05 * (turn + 1))
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        assert len(read_actions(path)) == 3001
    assert keep_changes("KRX", [BaseChange(symbol="B", session=FRIDAY, kind="base", ratio=2.0, source="")]) == 1
    assert not list(path.parent.glob(".*tmp*"))


@pytest.fixture
def boards(fakemarket: FakeMarket) -> Iterator[FakeMarket]:
    fakemarket.clock.set(day_ms(FRIDAY) + 12 * 3_600_000)
    yield fakemarket


def served(fake: FakeMarket, session: dt.date, name: str = "KOSDAQ", board: str = "KSQ") -> BoardDay:
    rows = board_rows(fake.krx.shares, board, session, fake.clock.now_ms(), fake.market)
    texts = [[row[field] for field in FIELDS] for row in rows]
    return board_day(texts, name, session, ts_ms=1, fetched_at_ms=2, final=True)


def test_a_whole_board_has_the_events_that_happened_and_no_other(boards: FakeMarket) -> None:
    shares = boards.krx.shares
    shares.all["300000"].events.append(Event(session=FRIDAY, ratio=0.5))
    shares.all["300010"].events.append(Event(session=FRIDAY, ratio=10, shares=0.1, listed=FRIDAY, halted=4))
    shares.all["300020"].listed = FRIDAY
    before, day = served(boards, THURSDAY), served(boards, FRIDAY)
    told = {change.symbol: change for change in base_changes(before_of([before]), [day])}
    assert {"300000", "300010", "300020"} <= set(told)
    made_up = {code for code, share in shares.all.items() if any(one.session == FRIDAY for one in share.events)}
    listed = {code for code, share in shares.all.items() if share.listed == FRIDAY and share.board == "KSQ"}
    assert set(told) == {code for code in made_up if shares.all[code].board == "KSQ"} | listed
    assert told["300010"].ratio == pytest.approx(10, rel=1e-3) and told["300010"].kind == "base"
    close = before.rows["300000"].close
    assert abs(told["300000"].ratio - 0.5) <= tick_of(close, FRIDAY) / close


def test_boards_that_do_not_follow_each_other_are_refused(boards: FakeMarket) -> None:
    tuesday, thursday = served(boards, dt.date(2026, 11, 17)), served(boards, THURSDAY)
    check_follows(before_of([thursday]), [served(boards, FRIDAY)])
    late = BoardDay(board="KOSDAQ", session=FRIDAY, ts_ms=1, rows=tuesday.rows, fetched_at_ms=2, final=True)
    with pytest.raises(Refused, match="another day"):
        check_follows(before_of([thursday]), [late])
    again = BoardDay(board="KOSDAQ", session=FRIDAY, ts_ms=1, rows=thursday.rows, fetched_at_ms=2, final=True)
    with pytest.raises(Refused, match="that day again"):
        check_follows(before_of([thursday]), [again])
    with pytest.raises(BadDataError, match="the session after 2026-11-17 is 2026-11-18"):
        base_changes(before_of([tuesday]), [served(boards, FRIDAY)])


def test_a_closure_that_the_calendar_does_not_know_hides_no_split_after_it(boards: FakeMarket) -> None:
    shares = boards.krx.shares
    shares.all["300000"].events.append(Event(session=FRIDAY, ratio=0.2, shares=5, listed=FRIDAY, halted=2))
    before, friday = before_of([served(boards, WEDNESDAY)]), served(boards, FRIDAY)
    still = {code: served(boards, THURSDAY).rows[code] for code in ("300000",)}
    assert not still["300000"].traded  # its base on Friday is Wednesday's close over five
    with pytest.raises(BadDataError, match="the session after 2026-11-18 is 2026-11-19"):
        base_changes(before, [friday])
    with pytest.raises(Refused, match="another day"):  # the others did trade on Thursday: it was no closure
        base_changes(before, [friday], shut={THURSDAY})
    idle = {
        code: Last(row.base, row.turnover, row.shares) if code != "300000" else before.shares[code]
        for code, row in friday.rows.items()
    }
    told = base_changes(Before(session=WEDNESDAY, shares=idle), [friday], shut={THURSDAY})
    assert [(one.symbol, one.kind) for one in told] == [("300000", "base")]
    assert told[0].ratio == pytest.approx(0.2, rel=1e-12)


def test_a_kept_listing_knows_as_much_of_the_session_before_as_its_boards(
    boards: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    before, day = served(boards, THURSDAY), served(boards, FRIDAY)
    write_listing("KRX", THURSDAY, listing_of([before]))
    assert base_changes(before_of_listing(read_listing("KRX", THURSDAY)), [day]) == base_changes(
        before_of([before]), [day]
    )


LIMITS = [("2015-06-15", 0.30), ("1998-12-07", 0.15)]


@pytest.mark.parametrize("code", ["005930", "035420"])
def test_in_real_adjusted_prices_only_an_auctioned_base_lies_beyond_the_limit_of_the_last_close(
    code: str, shared_data: Path
) -> None:
    """KRX lets no price leave its limit around the base. Where the last close is not the base, an auction made it:

    Naver's relisting of 2013-08-29 after 21 sessions without a trade, whose prices are within the limit of its open.
    (Samsung's, Naver's and Kakao's splits are later than these files, or worked into them.)
    """
    last, idle, beyond = 0.0, 0, []
    with (shared_data / "krx_daily" / f"v1_{code}.csv").open(encoding="utf-8-sig", newline="") as lines:
        for day, *cells in csv.reader(lines):
            opened, high, low, close, volume = (float(cell.replace(",", "")) for cell in cells)
            limit = next((limit for since, limit in LIMITS if day >= since), math.inf)
            if last and volume and max(high / last - 1, 1 - low / last) > limit + 0.01:
                assert max(high / opened - 1, 1 - low / opened) < limit
                beyond.append((day, idle))
            idle = 0 if volume else idle + 1
            last = close
    assert beyond == ([("2013-08-29", 21)] if code == "035420" else [])
