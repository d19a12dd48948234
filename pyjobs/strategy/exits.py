"""What is put around a strategy: ways out that any can be given (percent, ATR and trailing stops, targets, a time
limit), and the refusal of bars without the volume that it reads.

An index, a currency, a file without the column are stored with volume 0. A rule about volume would never fire on such a
series, or always, and nothing would look wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.strategy.indicators import atr
from pyjobs.strategy.signals import Setup, Signals
from utils.errors import BadDataError

# Inclusive ranges; a fraction of the fill, a multiple of the ATR at the signal, bars.
RANGES: dict[str, tuple[float, float]] = {
    "stop_loss": (0.0, 0.99),
    "stop_atr": (0.0, 100.0),
    "trail": (0.0, 0.99),
    "trail_atr": (0.0, 100.0),
    "target": (0.0, 100.0),
    "target_atr": (0.0, 1000.0),
    "atr": (1, 1000),
    "max_bars": (0, 100000),
}
WHOLE = ("atr", "max_bars")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exits:
    """Fractions of the fill (of the best price for `trail`) or multiples of ATR(`atr`) at the signal bar; 0: none."""

    stop_loss: float = 0.0
    stop_atr: float = 0.0
    trail: float = 0.0
    trail_atr: float = 0.0
    target: float = 0.0
    target_atr: float = 0.0
    atr: int = 14
    max_bars: int = 0

    @property
    def uses_atr(self) -> bool:
        """Whether any of them needs true ranges."""
        return bool(self.stop_atr or self.trail_atr or self.target_atr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A setup with exits added to its own; of two stops the nearer holds, of two time limits the shorter."""

    setup: Setup
    exits: Exits

    @property
    def lookback(self) -> int:
        """The setup's, or the bars that true ranges take."""
        return max(self.setup.lookback, self.exits.atr + 1 if self.exits.uses_atr else 0)

    def signals(self, bars: Bars) -> Signals:
        """The setup's signals with the exits attached; no entry while an ATR it needs is unknown."""
        signals = self.guarded(self.setup.signals(bars))
        return self._with_atr(signals, bars) if self.exits.uses_atr else signals

    def guarded(self, signals: Signals) -> Signals:
        """`signals` with those exits attached that need no bars."""
        exits = self.exits
        limits = [n for n in (signals.max_bars, exits.max_bars) if n]
        return Signals(  # `replace` costs three times as much, and a sweep does this per set and symbol
            entry=signals.entry,
            exit=signals.exit,
            stop=signals.stop,
            side=signals.side,
            max_bars=min(limits, default=0),
            short_entry=signals.short_entry,
            short_exit=signals.short_exit,
            stop_distance=signals.stop_distance,
            target_distance=signals.target_distance,
            trail_distance=signals.trail_distance,
            stop_loss=exits.stop_loss,
            take_profit=exits.target,
            trail=exits.trail,
        )

    def why(self, bars: Bars, t: int) -> str:
        """The setup's own reason."""
        return self.setup.why(bars, t)

    def _with_atr(self, signals: Signals, bars: Bars) -> Signals:
        exits, ranges = self.exits, atr(bars.high, bars.low, bars.close, self.exits.atr)
        known = ~np.isnan(ranges)
        return replace(
            signals,
            entry=signals.entry & known,
            stop_distance=ranges * exits.stop_atr if exits.stop_atr else None,
            trail_distance=ranges * exits.trail_atr if exits.trail_atr else None,
            target_distance=ranges * exits.target_atr if exits.target_atr else None,
            short_entry=None if signals.short_entry is None else signals.short_entry & known,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OnVolume:
    """The strategy `name`, which reads volume: it refuses bars that have none."""

    setup: Setup
    name: str

    @property
    def lookback(self) -> int:
        """The strategy's own."""
        return self.setup.lookback

    def signals(self, bars: Bars) -> Signals:
        """The strategy's signals. Raises BadDataError where no volume is counted in `bars`."""
        if has_no_volume(bars):
            raise BadDataError(
                f"strategy {self.name} reads volume, and these {len(bars)} bars have none, though their price moves: "
                "take the instrument out (`role: benchmark`), bring volume, or set `volume=False` in the strategy"
            )
        return self.setup.signals(bars)

    def why(self, bars: Bars, t: int) -> str:
        """The strategy's own reason."""
        return self.setup.why(bars, t)


def has_no_volume(bars: Bars) -> bool:
    """Whether every volume is 0 although the price moves. One price and a count of 0: no trade."""
    if len(bars) == 0 or np.any(bars.volume):
        return False
    return bool(np.any(np.asarray(bars.high) > bars.low) or np.any(np.diff(bars.close)))


NAMES = tuple(each.name for each in fields(Exits))
