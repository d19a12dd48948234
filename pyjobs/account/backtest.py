"""An account's backtest at a snapshot: which series it trades, from when, and its two books side by side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pyjobs.account import krx
from pyjobs.account.costs import Costs
from pyjobs.account.performance import CONVENTIONS, CurvePoint, curve, measures
from pyjobs.account.portfolio import AccountRun, Deal, Terms, simulate
from pyjobs.account.seat import Lane
from pyjobs.market.bars import FloatArray, SeriesKey
from pyjobs.market.desk import Account
from pyjobs.market.snapshot import Series, Snapshot, session_of
from pyjobs.strategy.signals import Setup, Signals
from utils import trading_day

WHOLE_SHARE = 1.0
COIN_LOT = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Book:
    """One way of running the account: `metrics` as in metrics.json, the curve by session, the deals by exit."""

    metrics: dict[str, object]
    curve: list[CurvePoint]
    deals: list[Deal]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountResult:
    """Both books (`constrained`, `unconstrained`) and the benchmark's (session, ts_ms, close) where there is one."""

    books: dict[str, Book]
    benchmark: list[tuple[dt.date, int, float]]


def backtest(snapshot: Snapshot, account: Account, setups: Mapping[str, Setup]) -> AccountResult:
    """Run the account over the whole history of the desk's `trade` instruments in its currency.

    It starts at the first close at which some setup can be decided (bars before that only warm up) or, if later, at the
    first session of the desk's calendar file; equity is struck at every session of the desk's market from there on.
    """
    lanes, left_out = lanes_of(snapshot, account.currency, setups)
    lanes = on_grid(lanes, account, adjusted_series(snapshot))
    closes = session_closes(snapshot, first_decision_ms(lanes, setups))
    benchmark = _benchmark_closes(snapshot, account.currency, closes)
    notes = {"left_out": left_out, "behind": behind(snapshot, lanes)}
    books = {}
    for name in ("constrained", "unconstrained"):
        run = simulate(
            lanes, terms_of(account, constrained=name == "constrained"), start_ms=closes[0][1] if closes else 0
        )
        books[name] = _book(run, account, closes, benchmark, notes)
    pairs = [] if benchmark is None else zip(closes, benchmark.tolist(), strict=True)
    return AccountResult(
        books=books, benchmark=[(day, ts_ms, close) for (day, ts_ms), close in pairs if close == close]
    )


def lanes_of(snapshot: Snapshot, currency: str, setups: Mapping[str, Setup]) -> tuple[list[Lane], list[dict[str, str]]]:
    """A lane per setup and tradable series, and what is left out with the reason, for people."""
    lanes, left_out = [], []
    for series in snapshot.series:
        instrument, bars = series.instrument, series.bars
        if instrument.role != "trade" or instrument.currency != currency:
            continue
        short = [name for name, setup in setups.items() if len(bars) < setup.lookback]
        if short:
            why = f"{len(bars)} bars are too few for {', '.join(short)}" if len(bars) else "no bars"
            left_out.append({"symbol": instrument.symbol, "timeframe": instrument.timeframe, "why": why})
        for name, setup in setups.items():
            if name not in short:
                lanes += [
                    Lane(
                        key=instrument.key,
                        setup=name,
                        bars=bars,
                        signals=signals,
                        lot=lot_of(series),
                        group=instrument.group,
                    )
                    for signals in one_sided(setup.signals(bars))
                ]
    return lanes, left_out


def one_sided(signals: Signals) -> list[Signals]:
    """Signals for both sides as one for each: an account has a seat for either, and takes one at a time."""
    entry, leave = signals.short_entry, signals.short_exit
    if entry is None or leave is None:
        return [signals]
    long = replace(signals, short_entry=None, short_exit=None)
    return [long, replace(long, side="short", entry=entry, exit=leave, stop=np.full(entry.size, np.nan))]


def behind(snapshot: Snapshot, lanes: Sequence[Lane]) -> list[dict[str, str]]:
    """The traded series whose bars end before the session: from there on their positions stand at the last close."""
    traded = {lane.key for lane in lanes}
    return [
        {
            "symbol": series.instrument.symbol,
            "timeframe": series.instrument.timeframe,
            "last_session": str(series.last_session),
        }
        for series in snapshot.series
        if series.stale and series.instrument.key in traded
    ]


def lot_of(series: Series) -> float:
    """The least quantity that trades: the desk's, else whole shares where a market has sessions, 1e-8 of a coin."""
    if series.instrument.lot:
        return series.instrument.lot
    return COIN_LOT if series.instrument.market == "24/7" else WHOLE_SHARE


def first_decision_ms(lanes: Sequence[Lane], setups: Mapping[str, Setup]) -> int | None:
    """The first close at which a lane's setup has all the bars it looks back on; None without lanes."""
    return min((int(lane.bars.ts_ms[setups[lane.setup].lookback - 1]) for lane in lanes), default=None)


def session_closes(snapshot: Snapshot, start_ms: int | None) -> list[tuple[dt.date, int]]:
    """(session, close time) of the desk's market, from the last not after `start_ms` to the snapshot's session."""
    if start_ms is None:
        return []
    calendar = trading_day.load(snapshot.desk.market)
    sessions = calendar.sessions_between(calendar.first, snapshot.session)
    closes = [(session.date, session.close_utc_s * 1000) for session in sessions]
    first = max(0, int(np.searchsorted([ts_ms for _, ts_ms in closes], start_ms, side="right")) - 1)
    return closes[first:]


def terms_of(account: Account, *, constrained: bool) -> Terms:
    """The account's money, limits and costs as the engine takes them."""
    return Terms(
        cash=account.cash,
        max_positions=account.max_positions,
        max_weight=account.max_weight,
        costs=costs_of(account),
        stop_loss=account.stop_loss,
        max_group_weight=account.max_group_weight,
        constrained=constrained,
    )


def costs_of(account: Account) -> Costs:
    """What the account's fills cost; with the rules of KRX the sale's tax is that of its day."""
    return Costs(
        fee_bps=account.fee_bps,
        sell_tax_bps=account.sell_tax_bps,
        sell_tax_by_time=krx.sell_tax_by_time(trading_day.load("XKRX")) if account.rules == "KRX" else (),
        slippage_bps=account.slippage_bps,
        borrow_bps=account.borrow_bps,
    )


def on_grid(lanes: Sequence[Lane], account: Account, off_grid: Collection[SeriesKey]) -> list[Lane]:
    """The lanes with the tick grid of the account's rules; series in `off_grid` (adjusted prices) have none."""
    if account.rules != "KRX":
        return list(lanes)
    day_of = session_of("XKRX")
    return [lane if lane.key in off_grid else replace(lane, on_tick=krx.on_tick, day_of=day_of) for lane in lanes]


def adjusted_series(snapshot: Snapshot) -> set[SeriesKey]:
    """The series whose prices are not those that were traded."""
    return {each.instrument.key for each in snapshot.series if each.instrument.prices == "adjusted"}


def _book(
    run: AccountRun,
    account: Account,
    closes: Sequence[tuple[dt.date, int]],
    benchmark: FloatArray | None,
    notes: Mapping[str, object],
) -> Book:
    points = curve(run, closes, cash=account.cash)
    figures = measures(points, run, benchmark)
    about = {"currency": account.currency, "conventions": dict(CONVENTIONS)}
    return Book(metrics={**figures, **about, **notes}, curve=points, deals=run.deals)


def _benchmark_closes(snapshot: Snapshot, currency: str, closes: Sequence[tuple[dt.date, int]]) -> FloatArray | None:
    """The newest close of the desk's first benchmark in `currency` at each session; NaN before its first bar."""
    for series in snapshot.series:
        if series.instrument.role == "benchmark" and series.instrument.currency == currency and len(series.bars):
            at = np.searchsorted(series.bars.ts_ms, [ts_ms for _, ts_ms in closes], side="right") - 1
            return np.where(at >= 0, series.bars.close[np.maximum(at, 0)], np.nan)
    return None
