"""What limits go by: the order's own bar, and every other loop."""

from __future__ import annotations

from pyjobs.live.config import Limits
from pyjobs.live.equal.logs import place_of
from pyjobs.live.journal import last_sizes
from pyjobs.live.limits import others, totals
from tests.live.worlds import STEP_MS, a_loop, a_spec, cells, fed, walk


def test_an_entry_is_judged_by_what_its_own_bar_has_left() -> None:
    bars, spec = walk(400), a_spec()
    fed(a_loop(spec, limits=Limits(day_loss=1e9)), bars, 60, 400)
    asked = [row for row in cells(spec.place.decisions) if row["risk"]]
    after_a_trade = [row for row in asked if row["before"] != "flat"]  # left, or to be left, on that very bar
    assert len(after_a_trade) > 5
    for row in asked:
        equity, lost = float(row["equity"]), float(row["day_equity"]) - float(row["equity"])
        assert row["risk"] == f"symbol={equity / 1.001:.2f};all={equity / 1.001:.2f};open=1;loss={lost:.2f}"


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
        assert found is not None and [each.loss for each in found] == [loss]


def test_a_loop_whose_decisions_are_gone_is_not_taken_for_one_that_holds_nothing() -> None:
    loop = fed(a_loop(a_spec()), walk(70), 60, 70)
    assert totals([a_spec("new").place], 0) == []
    last_sizes.keep(loop.journal)
    loop.spec.place.decisions.unlink()
    assert totals([loop.spec.place], 0) is None
