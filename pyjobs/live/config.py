"""config/live.yaml: which loops there are and the limits a person has set; or one loop from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from pyjobs.live.journal.place import Place, checked_symbol, checked_tag
from pyjobs.live.spec import Spec, Value, checked, checked_params, params_of
from pyjobs.market.bars import FETCHED
from pyjobs.market.exchanges import Exchange, load_exchanges, symbol_at
from utils.errors import ConfigError, UsageError
from utils.settings import config
from utils.settings.config import load_yaml, wrong
from utils.trading_day import known_markets

FILE = "live.yaml"
DEFAULTS = {"exchange": "BITFINEX", "symbol": "BTC/USD", "timeframe": "5m", "strategy": "ma_cross"}


class Loop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One loop of the file; its key is the tag of its journal. `market`: for an exchange without a provider."""

    symbol: str
    timeframe: str
    strategy: str
    exchange: str = "BITFINEX"
    market: str = ""
    params: dict[str, int | float | str] = {}
    cash: float = 10_000.0
    fee_bps: float = 0.0
    max_gap_bars: int = 0
    actions: str = ""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits that a person has set, in the money of the instruments; None: not set."""

    notional_per_symbol: float | None = None
    notional: float | None = None
    open_positions: int | None = None
    day_loss: float | None = None

    @property
    def values(self) -> tuple[float | None, ...]:
        """All four."""
        return self.notional_per_symbol, self.notional, self.open_positions, self.day_loss

    @property
    def lacking(self) -> list[str]:
        """The limits that are not set."""
        return [name for name, value in zip(self.__struct_fields__, self.values, strict=True) if value is None]

    @property
    def any_set(self) -> bool:
        """Whether a person has set one of them."""
        return any(value is not None for value in self.values)


class LiveFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `clean_days`: the number that the go-live report requires."""

    loops: dict[str, Loop] = {}
    limits: Limits = Limits()
    clean_days: int = 14


def path_of() -> Path:
    """The file: yours in secret/, else the one in config/."""
    return config.own_or_default(FILE)


def load() -> LiveFile:
    """The file. Raises ConfigError with file, line, key and value."""
    path = path_of()
    found = load_yaml(path, LiveFile)
    for name in ("notional_per_symbol", "notional", "open_positions", "day_loss"):
        value = getattr(found.limits, name)
        if value is not None and not 0 <= value < float("inf"):
            raise wrong(path, ["limits", name], f"must be zero or more, is {value}")
    if found.clean_days < 1:
        raise wrong(path, ["clean_days"], f"must be one day or more, is {found.clean_days}")
    return found


def named(found: LiveFile, name: str) -> Spec:
    """One loop of the file; what is wrong with another is no matter of this one. Raises ConfigError."""
    return _of_file(path_of(), name, found.loops[name], load_exchanges(config.own_or_default("exchanges.yaml")))


def places(found: LiveFile) -> tuple[Place, ...]:
    """Where the journals of the file's loops are; a loop that can have none, by its name or symbol, is left out."""
    made_of = []
    for name, loop in found.loops.items():
        with suppress(UsageError):
            tag, symbol = checked_tag(name, name), checked_symbol(loop.symbol, name)
            made_of.append(Place(tag=tag, symbol=symbol, timeframe=loop.timeframe))
    return tuple(made_of)


def _of_file(path: Path, name: str, loop: Loop, exchanges: Mapping[str, Exchange]) -> Spec:
    source = f"{path}: loops.{name}"
    try:
        return made(
            name, exchange=loop.exchange, symbol=loop.symbol, timeframe=loop.timeframe, strategy=loop.strategy,
            params=loop.params, cash=loop.cash, fee_bps=loop.fee_bps, gap=loop.max_gap_bars, market=loop.market,
            exchanges=exchanges, source=source, actions=loop.actions,
        )  # fmt: skip
    except UsageError as error:
        raise ConfigError(str(error)) from None


def made(
    tag: str, *, exchange: str, symbol: str, timeframe: str, strategy: str, params: Mapping[str, Value],
    cash: float, fee_bps: float, gap: int, market: str, exchanges: Mapping[str, Exchange], source: str,
    actions: str = "",
) -> Spec:  # fmt: skip
    """A loop of these words. Raises UsageError and ConfigError for what there is not."""
    known = next((each for each in exchanges if each.casefold() == exchange.casefold()), None)
    if known is None and not market:
        raise UsageError(
            f"{source}: unknown exchange {exchange!r} (config/exchanges.yaml has {', '.join(exchanges)}); for one "
            "whose bars come from files alone set `market`"
        )
    if market and market not in known_markets():
        raise UsageError(f"{source}: unknown market {market!r} (known: {', '.join(known_markets())})")
    if timeframe not in FETCHED:
        raise UsageError(f"{source}: unknown timeframe {timeframe!r} (known: {', '.join(FETCHED)})")
    if not symbol:
        raise UsageError(f"{source}: the symbol is empty")
    spec = Spec(
        tag=tag,
        exchange=known or exchange,
        symbol=symbol,
        stored=symbol_at(exchanges[known], symbol) if known else symbol,
        timeframe=timeframe,
        market=market or exchanges[known or ""].market,
        strategy=strategy,
        params=checked_params(params),
        cash=cash,
        fee_bps=fee_bps,
        max_gap_bars=gap,
        actions=actions,
    )
    checked(spec, source)
    spec.lane(source)  # an unknown strategy or parameter is refused now
    return spec


def from_environment(environ: Mapping[str, str], found: LiveFile) -> Spec:
    """The loop that DATA_TAG names: of the file, or of SYMBOL, TIMEFRAME, STRATEGY … with its defaults.

    Raises UsageError without DATA_TAG, and where file and environment name two different things.
    """
    tag = environ.get("DATA_TAG", "")
    if not tag:
        raise UsageError("which loop? --instance NAME (one of live.yaml), or DATA_TAG=… (with SYMBOL, TIMEFRAME, …)")
    exchange = environ.get("CCXT_EXCHANGE") or environ.get("CT_EXCHANGE") or ""
    given = {
        "exchange": exchange,
        **{name: environ.get(name.upper(), "") for name in ("symbol", "timeframe", "strategy")},
    }
    if tag in found.loops:
        loop = found.loops[tag]
        for name, value in given.items():
            if value and value.casefold() != getattr(loop, name).casefold():
                raise UsageError(
                    f"{name.upper()}={value}: live.yaml has a loop '{tag}' with {name} {getattr(loop, name)}: "
                    "choose another DATA_TAG, or leave it out"
                )
        return named(found, tag)
    words = {name: value or DEFAULTS[name] for name, value in given.items()}
    return made(
        tag,
        **words,
        params=params_of(environ.get("STRATEGY_PARAMS", ""), "STRATEGY_PARAMS"),
        cash=_number(environ, "PAPER_CASH", 10_000.0),
        fee_bps=_number(environ, "FEE_BPS", 0.0),
        gap=_whole(environ, "MAX_GAP_BARS"),
        market=environ.get("LIVE_MARKET", ""),
        exchanges=load_exchanges(config.own_or_default("exchanges.yaml")),
        source=f"DATA_TAG={tag}",
    )


def refuse_real_money(environ: Mapping[str, str] = os.environ) -> None:
    """Raises ConfigError for DRY_RUN=0: there is nothing but paper."""
    dry = environ.get("DRY_RUN", "")
    if dry not in ("", "1", "true", "yes"):
        raise ConfigError(f"DRY_RUN={dry}: only paper money exists here; no order leaves this machine. Unset it")


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        raise UsageError(f"{name}={text!r} is not a number") from None


def _whole(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "") or "0"
    if not text.isdecimal() or len(text) > 9:
        raise UsageError(f"{name}={text!r} is not a whole number")
    return int(text)
