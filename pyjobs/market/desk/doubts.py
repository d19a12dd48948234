"""Doubts about a desk's data: the actions used, and data that cannot be true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyjobs.market.desk import action_checks, corporate_actions
from pyjobs.market.desk.corporate_actions import Action
from pyjobs.market.desk.desk_file import Desk
from pyjobs.market.desk.snapshot import Snapshot
from pyjobs.market.store.open_store import open_store
from utils.wording import first_of

SHOWN = 10


def of_desk(desk: Desk) -> list[str]:
    """The entries of the desk's file of actions that match nothing. Raises as `read_actions`."""
    path = corporate_actions.file_of(desk)
    corporate_actions.read_actions(path)
    markets = {each.symbol: each.market for each in desk.instruments}
    found = action_checks.of_file(path, markets, list(corporate_actions.KINDS))
    if any("no instrument of the desk" in line for line in found):  # only then the whole store is looked through
        stored = {key.symbol for key in open_store().series()}
        found = action_checks.of_file(path, markets, list(corporate_actions.KINDS), sorted(stored))
    return found


def of_snapshot(snapshot: Snapshot, worked: Mapping[str, Sequence[Action]]) -> list[str]:
    """Lines for report and page: what cannot be read, doubts about file, prices and rhythm, then the actions used."""
    sessions = {symbol: [each.session for each in actions] for symbol, actions in worked.items()}
    unread = [each for each in snapshot.series if each.fault]
    lines = [f"[WARN] {each.instrument.key} is left out: {each.fault}" for each in unread[:SHOWN]]
    lines += [f"[WARN] and {len(unread) - SHOWN} more that cannot be read"] if len(unread) > SHOWN else []
    lines += of_desk(snapshot.desk) + action_checks.of_prices(snapshot, sessions) + action_checks.sparse(snapshot)
    used = corporate_actions.described(worked)
    return lines + ([f"corporate actions worked in: {first_of(used, SHOWN)}"] if used else [])


def worked_in(snapshot: Snapshot) -> dict[str, list[Action]]:
    """The actions that a snapshot of `on_desk` has in its series. Raises as `read_actions`."""
    every = corporate_actions.actions_of(snapshot.desk)
    filled = {each.instrument.key for each in snapshot.series if len(each.bars)}
    found = {
        each.symbol: corporate_actions.concerning(each, every, snapshot.session)
        for each in snapshot.desk.instruments
        if each.key in filled
    }
    return {symbol: actions for symbol, actions in found.items() if actions}
