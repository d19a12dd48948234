"""What a tear sheet is made from: a curve with its figures, what it is compared with, and its trades."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyjobs.account.figures import sheet
from pyjobs.account.figures.account_trade_figures import Ended
from pyjobs.market.bars import FloatArray
from pyjobs.reporting.document import Image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """An account's worth by session, and all that is known of it.

    `metrics`: as in metrics.json. `benchmarks`: by name a close per session, NaN before it begins. `exposure`: per
    session, a fraction of equity. `unit`: of its worth. `trades` None: not known. `pictures`: further ones.
    """

    name: str
    sessions: Sequence[dt.date]
    worth: FloatArray
    per_year: float
    unit: str
    metrics: Mapping[str, Any]
    benchmarks: Mapping[str, FloatArray] = field(default_factory=dict)
    exposure: FloatArray | None = None
    trades: Ended | None = None
    pictures: Sequence[Image] = ()

    @property
    def alive(self) -> bool:
        """Whether it has returns: two sessions, and always more than nothing."""
        return len(self.worth) > 1 and bool((self.worth > 0).all())

    @property
    def returns(self) -> FloatArray:
        """One per session but the first."""
        return np.asarray(self.worth[1:] / self.worth[:-1] - 1, dtype=np.float64)

    @property
    def short(self) -> bool:
        """Whether figures of a year come from less than one."""
        return len(self.sessions) <= self.per_year


def known_part(curve: Curve, closes: FloatArray) -> tuple[Sequence[dt.date], FloatArray]:
    """A benchmark from its first close on; nothing where a close is not above zero."""
    places = np.flatnonzero(~np.isnan(closes))
    if places.size < 2 or (closes[places[0] :] <= 0).any():
        return [], np.array([])
    return curve.sessions[int(places[0]) :], closes[int(places[0]) :]


def columns_of(curve: Curve) -> dict[str, dict[str, Any]]:
    """Figures by column, the account's first; those in metrics.json go before what is computed here."""
    given = {key: value for key, value in curve.metrics.items() if isinstance(value, int | float | str)}
    own = sheet.figures(curve.sessions, curve.worth, per_year=curve.per_year) if curve.alive else {}
    columns: dict[str, dict[str, Any]] = {curve.name: {**own, **given, "n_sessions": len(curve.sessions)}}
    for name, closes in curve.benchmarks.items():
        sessions, values = known_part(curve, closes)
        record = dict(curve.metrics.get("benchmarks", {}).get(name, {}))
        found = sheet.figures(sessions, values, per_year=curve.per_year)
        columns[name] = {**found, **record, "n_sessions": len(sessions)}
    for each in columns.values():
        each.setdefault("calmar", _calmar(number(each.get("cagr")), number(each.get("max_drawdown"))))
    return columns


def _calmar(cagr: float | None, deepest: float | None) -> float | None:
    return cagr / -deepest if cagr is not None and deepest is not None and deepest < 0 else None


def number(value: object) -> float | None:
    """A finite number, or None."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
