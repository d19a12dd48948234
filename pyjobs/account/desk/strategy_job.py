"""What a verb needs to run a strategy on a desk: the desk, its bars and actions, the accounts, the index."""

from __future__ import annotations

import datetime as dt
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from pyjobs.account.desk import desk_setups
from pyjobs.account.desk.strategy_run import Prepared, prepare
from pyjobs.account.portfolio.strategy_errors import StrategyErrors
from pyjobs.account.single.bt_request import parameters, strategy_of
from pyjobs.account.single.look_ahead import refuse_or_warn
from pyjobs.account.sweep_axes import Value, grid, refuse_more_than_trials
from pyjobs.market.bars import Bars
from pyjobs.market.benchmarks.closes import Benchmark, Closes, Fetch, Places, find, from_bars
from pyjobs.market.benchmarks.policy import load_policy
from pyjobs.market.desk import corporate_actions, doubts, snapshot
from pyjobs.market.desk.corporate_actions import Action
from pyjobs.market.desk.desk_file import Account, Desk, Instrument, load_desk
from pyjobs.market.desk.snapshot import Series, Snapshot, is_stale, session_of
from pyjobs.market.desks import desk_path
from pyjobs.market.store.open_store import open_store
from pyjobs.strategy.exits import Guarded
from pyjobs.strategy.registry import bound, make_setup, needs, record_of
from pyjobs.strategy.signals import Setup
from utils import clock, paths, trading_day
from utils.cli import date_of
from utils.errors import ConfigError, UsageError

FOLLOWED, INDEX_MARKET = "KOSPI", "XKRX"  # the index that need not be on the desk, and the clock of its days


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """The desk as it was at the end of the window, the strategy's own parameters, and the accounts to run.

    `params`: the desk's for this strategy with those of the command line over them. `actions`: by symbol. `index`: what
    a strategy decides by in addition to the instrument, for those that do; `index_from`: where its closes came from,
    when not from the desk's own instrument. `notes`: what a reader has to know about it.
    """

    desk_file: Path
    snapshot: Snapshot
    strategy: str
    params: dict[str, Any]
    start: dt.date | None
    accounts: dict[str, Account]
    actions: dict[str, list[Action]]
    source: str
    index: Bars | None
    index_from: Benchmark | None
    notes: list[str]

    def setup(self, changed: Mapping[str, int | float] | None = None) -> Setup:
        """The strategy, with some parameters changed. Raises ConfigError."""
        made = make_setup(self.strategy, {**self.params, **(changed or {})}, source=self.source)
        return made if self.index is None else bound(made, self.index)

    def prepared(self, account: Account, setup: Setup, strategy_errors: StrategyErrors | None = None) -> Prepared:
        """As `strategy_run.prepare`. Raises UsageError when there is nothing to run on."""
        return prepare(self.snapshot, account, self.strategy, setup, start=self.start, strategy_errors=strategy_errors)

    def as_manifest(self, account: str, setup: Setup) -> dict[str, object]:
        """How metrics.json begins: what was run, on what, under which terms."""
        return {
            "strategy": self.strategy,
            "params": params_of(setup),
            "desk": self.snapshot.desk.name,
            "market": self.snapshot.desk.market,
            "account": account,
            "terms": msgspec.structs.asdict(self.accounts[account]),
            "corporate_actions": corporate_actions.described(self.actions),
            "notes": self.notes,
        }

    def asked(self) -> dict[str, object]:
        """The request, for the manifest."""
        start = None if self.start is None else self.start.isoformat()
        window = {"start": start, "end": self.snapshot.session.isoformat()}
        return {"strategy": self.strategy, "params": self.params, **window, "accounts": list(self.accounts)}

    @property
    def actions_files(self) -> list[Path]:
        """Where the desk's splits, dividends and bases stand, whether there are any or not."""
        return corporate_actions.files_of(self.snapshot.desk)


def look_up(args: Namespace, swept: Mapping[str, Sequence[Value]] = MappingProxyType({})) -> Job:
    """The job, for all values of the `swept` parameters.

    Raises UsageError, ConfigError, and as `snapshot.take` and `read_actions` do.
    """
    path = desk_path(args.desk, paths.config_dir())
    desk = load_desk(path)
    start = None if args.start is None else date_of(args.start, "--start")
    asked_end = None if args.end is None else date_of(args.end, "--end")
    if start and asked_end and start > asked_end:
        raise UsageError(f"--start {start} is after --end {asked_end}")
    if args.account and args.account not in desk.accounts:
        raise UsageError(f"--account {args.account!r}: desk {desk.name!r} has {', '.join(desk.accounts)}")
    params, source = {**desk.setups.get(args.strategy, {}), **parameters(args.param)}, str(path)
    if args.strategy not in desk.setups:
        source = "--strategy, --param"
    elif args.param:
        source += " and --param"
    made_here = args.param or args.strategy not in desk.setups
    make = partial(strategy_of if made_here else make_setup, args.strategy, source=source)
    params, setup = _first_possible(make, params, swept)  # before any bar is read
    now_s = clock.now_s()
    store, end = open_store(), _last_session(desk, asked_end, now_s)
    actions = corporate_actions.actions_of(desk)
    taken, worked = corporate_actions.honoured(_whole(snapshot.take(desk, store, asked=end, now_s=now_s)), actions)
    index, index_from = index_of(setup, taken, source)
    ready = setup if index is None else bound(setup, index)
    scanned = (each.bars for each in taken.series if each.instrument.scanned)
    ahead = refuse_or_warn(args.strategy, ready, scanned, allowed=args.despite_look_ahead)
    return Job(
        desk_file=path,
        snapshot=taken,
        strategy=args.strategy,
        params=params,
        start=start,
        accounts={name: each for name, each in desk.accounts.items() if args.account in (None, name)},
        actions=worked,
        source=source,
        index=index,
        index_from=index_from,
        notes=[*ahead, *doubts.of_snapshot(taken, worked), *notes_of(args.strategy, setup, taken, index)],
    )


def _first_possible(
    make: Callable[[dict[str, Any]], Setup], params: dict[str, Any], swept: Mapping[str, Sequence[Value]]
) -> tuple[dict[str, Any], Setup]:
    """`params` and what is made of them; where that cannot be, with the first of the swept values that can.

    The defaults of swept windows may not ascend together with a window that is set. Raises as `make` of `params` when
    none can be.
    """
    try:
        return params, make(params)
    except (ConfigError, UsageError):
        refuse_more_than_trials(swept)
        for values in grid(swept):
            with suppress(ConfigError, UsageError):
                return {**params, **values}, make({**params, **values})
        raise


def _whole(taken: Snapshot) -> Snapshot:
    """`taken`; raises BadDataError where a series cannot be read: without it, it is another account."""
    snapshot.refuse_unread(taken)
    return taken


def params_of(setup: Setup) -> dict[str, Any]:
    """Every parameter with its value, defaults included; of the exits that any strategy can have, those in use."""
    if isinstance(setup, Guarded):
        used = {each.name: getattr(setup.exits, each.name) for each in fields(setup.exits)}
        return {**params_of(setup.setup), **{name: value for name, value in used.items() if value}}
    record = record_of(setup)
    return {each.name: getattr(record, each.name) for each in fields(record) if each.compare}


def places() -> Places:
    """Where benchmarks may come from: this machine, then the network, which ALLOW_NET_FETCH=0 forbids."""
    from pyjobs.market.benchmarks.bars import network_asks
    from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
    from pyjobs.market.providers.asking.retry_budget import retry_budget

    def closes(put: Callable[[str, dt.date, dt.date], Bars]) -> Fetch:
        return lambda symbol, start, end: from_bars(put(symbol, start, end))

    asks = network_asks(ProviderStates(), retry_budget())
    fetch = {name: closes(put) for name, put in asks.items()}
    return Places(store=open_store(), cache_dir=paths.data_dir() / "benchmarks", fetch=fetch)


def index_of(setup: Setup, taken: Snapshot, source: str) -> tuple[Bars | None, Benchmark | None]:
    """The index a strategy follows: the desk's own, or KOSPI from wherever benchmarks come, with where it was found.

    That one is from before the first bar to the snapshot's session. Raises ExternalDataUnavailable when it cannot be
    had, ConfigError for another index that the desk does not have: the close of its days is not known.
    """
    name = needs(setup)
    if name is None:
        return None, None
    series = desk_setups.index_series(taken, name)
    if series is not None:
        return series.bars, None
    if name != FOLLOWED:
        raise ConfigError(f"{source}: {desk_setups.not_on_desk(taken, name)}")
    filled = [each for each in taken.series if len(each.bars)]
    first = min(session_of(each.instrument.market)(int(each.bars.ts_ms[0])) for each in filled)
    policy = load_policy()
    found = find(name, policy, places(), start=first - dt.timedelta(days=1000), end=taken.session)
    return index_bars(found.closes), found


def notes_of(name: str, setup: Setup, taken: Snapshot, index: Bars | None) -> list[str]:
    """The notes on the index: since when it decides, and until when there is one."""
    if index is None:
        return []
    benchmark = Instrument(
        symbol=str(needs(setup)), exchange="", market=INDEX_MARKET, timeframe="1d", file="", currency=""
    )
    series = desk_setups.index_series(taken, benchmark.symbol) or Series(
        instrument=benchmark,
        bars=index,
        last_session=session_of(INDEX_MARKET)(int(index.ts_ms[-1])) if len(index) else None,
        stale=bool(len(index)) and is_stale(INDEX_MARKET, int(index.ts_ms[-1]), taken.asof_ts_ms),
    )
    return desk_setups.index_notes(name, bound(setup, index), series, desk_setups.first_closes(taken))


def index_bars(closes: Closes) -> Bars:
    """Closes of the Korean index as bars that close with the exchange; days that are no session are left out."""
    calendar = trading_day.load(INDEX_MARKET)
    first, last = calendar.first, calendar.last
    known = [
        (session.close_utc_s * 1000, close)
        for day, close in zip(closes.dates(), closes.close.tolist(), strict=True)
        if first <= day <= last and (session := calendar.session(day))
    ]
    ts_ms, price = np.array([ts for ts, _ in known], np.int64), np.array([close for _, close in known], np.float64)
    return Bars(ts_ms=ts_ms, open=price, high=price, low=price, close=price, volume=np.zeros(price.size))


def _last_session(desk: Desk, end: dt.date | None, now_s: float) -> dt.date | None:
    """The newest closed session not after `end`; None: the desk's own rule."""
    if end is None:
        return None
    calendar = trading_day.load(desk.market)
    last = calendar.last_closed_session(now_s).date
    return last if end >= last else end if calendar.session(end) else calendar.previous_session(end).date
