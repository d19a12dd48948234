"""Splits and dividends, from a file in the dumps' folder, worked into raw series when they are read.

corporate_actions.csv has columns symbol, session, action, ratio, note; the store keeps what was traded.
- `split`, ratio 50:1: fifty shares of one, first traded on `session`; a reverse split is 1:10. Older prices are divided
  by it and older volumes multiplied, so a position's shares become fifty times as many and its worth stays.
- `dividend`, ratio 1.85: money per share in the series' currency, no longer in the price from `session` on. Older
  prices are multiplied by 1 - dividend / last close before (CRSP's and Yahoo's way), so that day's fall is no loss: a
  holder is as rich as one who put the dividend into more shares at once. Tax on it is not taken.
- `base`, ratio 0.93: what the exchange measured that session's change against, over the last close before: a split or
  an issue of shares. Older prices are multiplied by it and older volumes divided.
Beside that file stand the bases that fetching has derived, data/actions/<exchange>.csv with the same columns (the last
is `source`). Where the user's file has a split or a base of a symbol, those of a week before and after do not count.
Other actions are not ours and are passed over; series that the desk calls adjusted are left alone. Into those it calls
`split` only dividends are worked in, in shares of now: divided by the splits after them.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from pyjobs.market.bars import Bars, FloatArray
from pyjobs.market.desk.action_checks import refuse_misread
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.desk.snapshot import Snapshot, session_of
from utils import paths
from utils.errors import BadDataError
from utils.files import os_files, text_files

FILE = "corporate_actions.csv"
Kind = Literal["split", "dividend", "base"]
KINDS: dict[str, Kind] = {"split": "split", "dividend": "dividend", "base": "base"}
EXAMPLE = {"split": "50:1", "dividend": "1.85", "base": "0.93"}
SAME_EVENT_DAYS = 7  # the user's line about an event may be some sessions off the exchange's


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """`ratio`: of a split, new shares for one old; of a dividend, money per share; of a base, its share of the last
    close before. In force from `session` on, on every exchange where `exchange` names none."""

    symbol: str
    session: dt.date
    kind: Kind
    ratio: float
    exchange: str = ""


def file_of(desk: Desk) -> Path:
    """Where a desk's corporate actions stand, whether there are any or not: in the folder of its dumps."""
    return paths.root() / desk.dumps / FILE


def derived_file(exchange: str) -> Path:
    """Where the bases stand that fetching has derived from an exchange's base prices."""
    return paths.data_dir() / "actions" / f"{exchange}.csv"


def files_of(desk: Desk) -> list[Path]:
    """Every file of actions that counts on the desk, whether it is there or not; the user's own first."""
    return [file_of(desk), *(derived_file(name) for name in sorted({each.exchange for each in desk.instruments}))]


def actions_of(desk: Desk) -> list[Action]:
    """The user's own actions, and those derived for the desk's exchanges that they leave room for, by session.

    Raises as `read_actions`.
    """
    own = read_actions(file_of(desk))
    found = list(own)
    for path in files_of(desk)[1:]:
        found += [dataclasses.replace(each, exchange=path.stem) for each in with_room(own, read_actions(path))]
    return sorted(found, key=lambda action: (action.session, action.symbol))


def with_room(own: Sequence[Action], derived: Sequence[Action]) -> list[Action]:
    """The derived actions that the user's own leave room for: no split or base of that symbol is near."""
    record: dict[str, list[dt.date]] = {}
    for each in own:
        if each.kind != "dividend":
            record.setdefault(each.symbol, []).append(each.session)
    return [
        each
        for each in derived
        if all(abs((each.session - day).days) > SAME_EVENT_DAYS for day in record.get(each.symbol, ()))
    ]


def read_actions(path: Path) -> list[Action]:
    """Every split, dividend and base in the file, by session; none without a file.

    Raises BadDataError naming the line for one whose session or ratio cannot be read, that is given twice, or whose
    action is nearly one of ours (`Split`).
    """
    if not os_files.is_there(path):
        return []
    refuse_misread(path, list(KINDS))
    found = []
    with text_files.opened_csv(path) as handle:
        for number, row in enumerate(csv.DictReader(handle), 2):
            kind = KINDS.get(row.get("action", ""))
            if kind is None:
                continue
            try:
                new, _, old = row["ratio"].partition(":" if kind == "split" else "\0")
                ratio, session = float(new) / float(old or 1), dt.date.fromisoformat(row["session"])
                symbol = row["symbol"]
            except (KeyError, TypeError, ValueError, ZeroDivisionError):
                wanted = f"'2018-05-04,{kind},{EXAMPLE[kind]}'"
                raise BadDataError(f"{path}: line {number}: not a {kind} like {wanted}: {row}") from None
            if not 0 < ratio < math.inf:
                raise BadDataError(f"{path}: line {number}: ratio {row['ratio']!r} is not more than zero")
            found.append(Action(symbol=symbol, session=session, kind=kind, ratio=ratio))
    return sorted(found, key=lambda action: (action.session, action.symbol))


def adjusted(bars: Bars, actions: Sequence[Action], sessions: Sequence[dt.date]) -> Bars:
    """Bars as if every action had always been in force (`sessions`: one per bar). All of one symbol.

    A dividend on the day of a split is per new share. Raises BadDataError for one not below the last close before it.
    """
    price, volume = np.ones(len(bars)), np.ones(len(bars))
    days = np.array(sessions, dtype="datetime64[D]")
    for action in actions:
        before = days < np.datetime64(action.session)
        if action.kind == "split":
            price[before] /= action.ratio
            volume[before] *= action.ratio
        elif action.kind == "base":
            price[before] *= action.ratio
            volume[before] /= action.ratio
        elif before.any():
            price[before] *= 1 - action.ratio / _close_before(bars.close[before], action, actions)
    prices = {name: getattr(bars, name) * price for name in ("open", "high", "low", "close")}
    return Bars(ts_ms=bars.ts_ms, volume=bars.volume * volume, **prices)


def _close_before(closes: FloatArray, dividend: Action, actions: Sequence[Action]) -> float:
    """The last close before the dividend, in the shares that get it."""
    today = [each for each in actions if each.session == dividend.session]
    splits = [each.ratio for each in today if each.kind == "split"]
    close = float(closes[-1]) / math.prod(splits) * math.prod(each.ratio for each in today if each.kind == "base")
    if dividend.ratio >= close:
        raise BadDataError(
            f"{dividend.symbol}: a dividend of {dividend.ratio:g} on {dividend.session} is not below the close "
            f"before it, {close:g}"
        )
    return close


def honoured(snapshot: Snapshot, actions: Sequence[Action]) -> tuple[Snapshot, dict[str, list[Action]]]:
    """The snapshot with the actions up to its session worked into its raw series, and which were: symbol -> actions.

    Those series are called adjusted from then on: their prices are not on the exchange's grid. An action after the
    snapshot's session is not known yet and changes nothing.
    """
    worked: dict[str, list[Action]] = {}
    series = []
    by_symbol: dict[str, list[Action]] = {}
    for action in actions:
        by_symbol.setdefault(action.symbol, []).append(action)
    for each in snapshot.series:
        mine = concerning(each.instrument, by_symbol.get(each.instrument.symbol, []), snapshot.session)
        if mine and len(each.bars):
            instrument = msgspec.structs.replace(each.instrument, prices="adjusted")
            bars = worked_in(each.bars, mine, each.instrument)
            each = dataclasses.replace(each, instrument=instrument, bars=bars)
            worked[instrument.symbol] = mine
        series.append(each)
    return dataclasses.replace(snapshot, series=tuple(series)), worked


def concerning(instrument: Instrument, actions: Sequence[Action], session: dt.date) -> list[Action]:
    """The actions known on `session` that are to be worked into the instrument's bars: none into adjusted ones."""
    if instrument.prices == "adjusted":
        return []
    known = [
        each
        for each in actions
        if each.symbol == instrument.symbol and each.session <= session and each.exchange in ("", instrument.exchange)
    ]
    return known if instrument.prices == "raw" else _dividends_of_now(known)


def _dividends_of_now(actions: Sequence[Action]) -> list[Action]:
    """The dividends, each for one share of now."""
    found = []
    for each in (one for one in actions if one.kind == "dividend"):
        later = [one for one in actions if one.session > each.session]
        shares = math.prod(one.ratio for one in later if one.kind == "split")
        base = math.prod(one.ratio for one in later if one.kind == "base")
        found.append(dataclasses.replace(each, ratio=each.ratio / shares * base))
    return found


def worked_in(bars: Bars, actions: Sequence[Action], instrument: Instrument) -> Bars:
    """`adjusted`, by the sessions of the instrument's market."""
    dated = session_of(instrument.market)
    return adjusted(bars, actions, [dated(ts_ms) for ts_ms in bars.ts_ms.tolist()])


def on_desk(snapshot: Snapshot) -> Snapshot:
    """The snapshot with the desk's actions worked in. Raises as `read_actions` and `adjusted`."""
    return honoured(snapshot, actions_of(snapshot.desk))[0]


def described(worked: Mapping[str, Sequence[Action]]) -> list[str]:
    """`SMP004 split 2023-05-04`, one per action."""
    return [f"{symbol} {each.kind} {each.session}" for symbol, actions in worked.items() for each in actions]
