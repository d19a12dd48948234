"""What is put around a strategy: ways out that any can be given (percent, ATR and trailing stops, targets, a time
limit), the refusal of bars without the volume that it reads, and a hold on one that is the user's own.

An index, a currency, a file without the column are stored with volume 0. A rule about volume would never fire on such a
series, or always, and nothing would look wrong.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.strategy.indicators import atr
from pyjobs.strategy.signals import Setup, Signals, lossless, malformed, signals_of_each
from pyjobs.strategy.trace import NotTraceable
from utils.alarm import alarm, seconds_of
from utils.errors import BadDataError, ConfigError, StrategyError
from utils.foreign_text import quoted

OWN = "strategies"  # the user's folder, next to data/, and the package its files are modules of
LIMIT, LIMIT_S = "STRATEGY_LIMIT_S", 300.0
T = TypeVar("T")

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


class Endless(BaseException):
    """What a strategy is interrupted by; its own `except Exception` does not catch it."""


FAILS = (Exception, SystemExit, Endless)
"""What the user's own code may raise; Ctrl-C is not its own."""
_endless: dict[str, str] = {}  # strategies that have not ended, and where: to ask again would take as long again


def in_time() -> AbstractContextManager[None]:
    """The user's own code in here is interrupted by `Endless` after `STRATEGY_LIMIT_S` seconds."""
    return alarm(
        seconds_of(LIMIT, LIMIT_S), Endless(f"has not ended after {LIMIT}={seconds_of(LIMIT, LIMIT_S):g}"), again_s=1
    )


def asked_again(name: str) -> None:
    """The strategy's file is another one now: that it did not end says nothing of it any more."""
    _endless.pop(name, None)


def place_of(error: BaseException) -> str:
    """An error in a strategy's file, with the file and the line: the last one that is the user's own."""
    if isinstance(error, ConfigError):  # its message is complete
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if OWN in _parts(each.filename)[:-1]]
    at = error if isinstance(error, SyntaxError) and error.filename else (own or frames)[-1]
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # noqa: BLE001  # it is the user's class
        text = "without words"
    line = quoted(f"{type(error).__name__}: {text}")
    return f"{line} ({_parts(str(at.filename))[-1]}, line {at.lineno})"


def _parts(path: str) -> list[str]:
    return path.replace("\\", "/").split("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The strategy `name`, which the user wrote. Whatever it does when it is asked: a StrategyError, or an answer.

    It cannot write to the bars, which others read, nor end the process, nor go on for ever.
    """

    setup: Setup
    name: str

    @property
    def lookback(self) -> int:
        """The strategy's own."""
        return self.setup.lookback

    def signals(self, bars: Bars) -> Signals:
        """The strategy's signals, each as `Signals` promises. Raises StrategyError; its own BadDataError."""
        signals: Signals = lossless(self._asked(bars, lambda: self.setup.signals(bars)))
        if type(bars.close) is np.ndarray:
            self._refuse(malformed(signals, len(bars)))
        return signals

    @classmethod
    def signals_of_each(cls, setups: Sequence[Own], bars: Bars) -> Signals | None:
        """The strategy's own, where it has that; see `signals.signals_of_each`. Raises StrategyError."""
        first = setups[0]
        found: Signals | None = lossless(
            first._asked(bars, lambda: signals_of_each([each.setup for each in setups], bars))
        )
        if found is not None:
            first._refuse(malformed(found, len(bars), len(setups)))
        return found

    def why(self, bars: Bars, t: int) -> str:
        """The strategy's own reason, cleaned."""
        text: object = self._asked(bars, lambda: self.setup.why(bars, t))
        if not isinstance(text, str):
            raise StrategyError(f"strategy {self.name} ({self.name}.py): why() gives {type(text).__name__}, not a text")
        return quoted(text)

    def _refuse(self, wrong: Iterable[str]) -> None:
        if what := "; ".join(wrong):
            raise StrategyError(f"strategy {self.name} ({self.name}.py): {quoted(what)}")

    def _asked(self, bars: Bars, ask: Callable[[], T]) -> T:
        if self.name in _endless:
            raise StrategyError(f"strategy {self.name}: not asked again: {_endless[self.name]}")
        columns = [each for name in COLUMNS if type(each := getattr(bars, name)) is np.ndarray and each.flags.writeable]
        try:
            for each in columns:
                each.flags.writeable = False
            with in_time():
                return ask()
        except (BadDataError, ConfigError, NotTraceable):  # no other of ours: an outage would be a skip, exit 0
            raise
        except FAILS as error:
            what = place_of(error)
            if isinstance(error, Endless):
                _endless[self.name] = what
            if isinstance(error, ValueError) and columns and "read-only" in what:
                what += "; the bars are others' as well: it must work on a copy"
            raise StrategyError(f"strategy {self.name}: {what}, asked about {_said(bars)}") from error
        finally:
            for each in columns:
                each.flags.writeable = True


def _said(bars: Bars) -> str:
    """Which bars these are, for a person."""
    if type(bars.ts_ms) is not np.ndarray or not len(bars):
        return f"{len(bars)} bars"
    return f"{len(bars)} bars up to {np.datetime64(int(bars.ts_ms[-1]), 'ms').astype('datetime64[m]')}Z"


def has_no_volume(bars: Bars) -> bool:
    """Whether every volume is 0 although the price moves. One price and a count of 0: no trade."""
    if len(bars) == 0 or np.any(bars.volume):
        return False
    return bool(np.any(np.asarray(bars.high) > bars.low) or np.any(np.diff(bars.close)))


NAMES = tuple(each.name for each in fields(Exits))
