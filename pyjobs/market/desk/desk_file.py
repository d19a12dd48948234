"""A desk: which instruments, where their prices come from, and the account they are traded in. One YAML file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.completed import Completed, complete
from pyjobs.market.desk.instrument import Instrument
from pyjobs.market.desk.mistakes import of_accounts, of_desk, of_pairs, of_twins
from pyjobs.market.desk.written import Account, SessionRule, Setups, WrittenDesk
from pyjobs.market.desks import desk_path, name_problems
from utils import clock, paths
from utils.settings.config import load_yaml, wrong
from utils.trading_day import known_markets

__all__ = [
    "Account",
    "Desk",
    "Instrument",
    "desk_path",
    "last_bar_session",
    "load_desk",
    "wanted_listings",
]


MADE_UP = "SAMPLE"  # the exchange of pyjobs.make_sample
SAMPLE_LABEL = "sample market, made-up prices"


class Desk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file, its universe blocks spelled out. `market` is the calendar of the desk's night; `session` decides
    which session a run is about: `last_closed` (the newest session of `market` that has closed), or `last_bar` (see
    `last_bar_session`: for dumps that end in the past). `lists`: the CSV files and listings its universe came from."""

    name: str
    market: str
    dumps: str
    accounts: dict[str, Account]
    instruments: list[Instrument]
    setups: Setups
    label: str = ""
    session: SessionRule = "last_closed"
    lists: tuple[Path, ...] = ()

    @property
    def banner(self) -> str:
        """Over every page: the desk's label, and that prices are made up where, and only where, they are."""
        made_up = any(each.exchange == MADE_UP for each in self.instruments)
        own = "" if self.label == SAMPLE_LABEL else self.label
        if not made_up or "made-up" in own:
            return own
        return f"{own}: {SAMPLE_LABEL}" if own else SAMPLE_LABEL

    @property
    def brought_by(self) -> str:
        """The command, or both, by which new bars come in."""
        verbs = ["import_bars"] if any(each.file for each in self.instruments) else []
        verbs += ["fetch"] if any(each.fetched for each in self.instruments) else []
        return " and ".join(f"python -m pyjobs.{verb}" for verb in verbs)


def load_desk(path: Path, *, now_s: float | None = None) -> Desk:
    """The desk in the file at `path`, checked as a whole; a listing is the newest of `now_s` (default: now).

    Raises ConfigError with file, line, key and value; MissingInputError when a listing it names was never kept.
    """
    written = load_yaml(path, WrittenDesk)
    for keys, what in of_desk(written, known_markets()):
        raise wrong(path, keys, what)
    for what in name_problems(path, written.name, paths.config_dir()):
        raise wrong(path, ["name"], what)
    completed = complete(written, path, now_s=clock.now_s() if now_s is None else now_s)
    for at, what in of_pairs(completed.instruments):
        raise completed.places[at].error(path, "base", what)
    for at, what in of_twins(completed.instruments):
        raise completed.places[at].error(path, "symbol", what)
    for keys, what in of_accounts(written, completed.instruments):
        raise wrong(path, keys, what)
    return _desk(written, completed)


def wanted_listings(path: Path) -> dict[str, list[str]]:
    """The exchanges whose listings the desk at `path` needs, and the boards of each; a listing need not be there yet.

    Raises ConfigError for a file that is no desk.
    """
    found: dict[str, list[str]] = {}
    for block in load_yaml(path, WrittenDesk).universe:
        boards = found.setdefault(block.exchange, []) if block.listing else []
        boards += [board for board in block.listing if board not in boards]
    return found


def last_bar_session(desk: Desk, last: Mapping[SeriesKey, dt.date]) -> dt.date | None:
    """The last session that at least half of the traded instruments of the desk's own market have reached.

    So neither one series that goes on nor one that ended long ago decides for the rest. `last` is the date of each
    series' newest bar; series without one are left out. Where nothing is traded at home, it is the newest date of any
    instrument; None when no series has a bar.
    """
    at_home = [i.key for i in desk.instruments if i.market == desk.market and i.role == "trade" and i.key in last]
    if at_home:
        return sorted((last[key] for key in at_home), reverse=True)[(len(at_home) - 1) // 2]
    return max((last[i.key] for i in desk.instruments if i.key in last), default=None)


def _desk(written: WrittenDesk, completed: Completed) -> Desk:
    return Desk(
        name=written.name,
        market=written.market,
        dumps=written.dumps,
        accounts=written.accounts,
        instruments=completed.instruments,
        setups=written.setups,
        label=written.label,
        session=written.session,
        lists=completed.lists,
    )
