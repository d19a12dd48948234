"""Instances: the series that are kept up to date, one small env file each: `YAHOO-SPY-1d.env`, or `BTCUSD-1m.env` of
the exchange that needs no name. A file of another exchange may have the older name `SPY-1d.env`; it keeps that."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pyjobs.market.bars import FETCHED
from pyjobs.market.exchanges import load_exchanges
from pyjobs.market.store.names import folder_name, symbol_of
from utils import paths
from utils.errors import ConfigError, UsageError
from utils.files import os_files
from utils.files.atomic import write_text
from utils.files.text_files import bytes_of
from utils.foreign_text import quoted
from utils.settings import config
from utils.settings.name_values import name_values

DEFAULT_EXCHANGE = "BITFINEX"
DEFAULT_LOOKBACK_DAYS = 3.0
KEYS = ("CT_EXCHANGE", "CT_SYMBOL", "CT_TIMEFRAME", "CT_LOOKBACK_DAYS", "CT_GAP_REPAIR")
_NAME = re.compile(r"(?P<symbol>.+)-(?P<timeframe>[0-9]+[mhd])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One series that is kept up to date. `lookback_days`: how far back a first ingest and every gap repair look.

    `by_short_name`: its file has no exchange in its name, as they all were before. `fault` is what is wrong with its
    file, which then names no series but itself.
    """

    exchange: str
    symbol: str
    timeframe: str
    lookback_days: float
    gap_repair: bool
    by_short_name: bool = False
    fault: str = ""

    @property
    def name(self) -> str:
        """`YAHOO-SPY-1d`, `BTCUSD-1m` of the default exchange; what a file name cannot have is percent-encoded."""
        if self.fault:
            return self.symbol
        plain = self.by_short_name or self.exchange == DEFAULT_EXCHANGE
        return self.short_name if plain else f"{self.exchange}-{self.short_name}"

    @property
    def short_name(self) -> str:
        """`SPY-1d`, whatever the exchange."""
        return f"{folder_name(self.symbol)}-{self.timeframe}"


def folders() -> list[Path]:
    """Where instance files are looked for; of two with one name the first counts."""
    xdg = os.environ.get("XDG_CONFIG_HOME")
    own = [paths.secret_dir() / "instances", paths.root() / "config" / "instances"]
    try:
        home = Path(xdg) if xdg else Path.home() / ".config"
    except RuntimeError:  # no HOME, and no line in passwd: such a user has no folder of its own
        return own
    return [*own, home / "nightdesk" / "instances"]


def load_each() -> list[Instance]:
    """Every configured series, and after them each file that is none, with its `fault`: one hides no other."""
    faults: dict[Path, ConfigError] = {}
    found = load_all(faults)
    return found + [
        Instance(exchange="", symbol=path.stem, timeframe="", lookback_days=0.0, gap_repair=True, fault=str(error))
        for path, error in faults.items()
    ]


def load_all(faults: dict[Path, ConfigError] | None = None) -> list[Instance]:
    """Every configured series, sorted by name; several files about one are one.

    Raises ConfigError naming the line; with `faults` what is wrong with a file is put there instead.
    """
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    where: dict[tuple[str, str, str], Path] = {}
    short: set[tuple[str, str, str]] = set()
    for path in files():
        try:
            values, one = values_in(path), load(path)
        except ConfigError as error:
            if faults is None:
                raise
            faults[path] = error
            continue
        series = series_of(one)
        found[series] = {**values, **found.get(series, {})}  # the first file counts
        where.setdefault(series, path)
        short |= {series} if one.by_short_name else set()
    made = [
        replace(
            _from({**v, "CT_EXCHANGE": s[0], "CT_SYMBOL": s[1], "CT_TIMEFRAME": s[2]}, "", where=str(where[s])),
            by_short_name=s in short,
        )
        for s, v in found.items()
    ]
    return sorted(made, key=lambda one: (one.name, one.exchange))


def files() -> list[Path]:
    """The file of every configured instance, sorted by name."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in os_files.matching(folder, "*.env"):
            found.setdefault(path.stem, path)
    return [path for _, path in sorted(found.items())]


def by_name(name: str) -> Instance:
    """The instance `YAHOO-SPY-1d`: from its file, or from the name alone when there is none. Raises UsageError.

    The exchange may be left out where one configured instance ends so. A symbol may stand as it is, or as its file has
    it: `DOGE:USD-1m`, `DOGE%3AUSD-1m`. systemd cannot have a `%` in a unit's name: there it is written `\\x25`.
    """
    name = name.replace(r"\x25", "%")
    if "/" in name or "\0" in name or name.startswith("."):
        raise UsageError(f"an instance is called SYMBOL-TIMEFRAME, such as BTCUSD-1m, not {quoted(name, 80)!r}")
    parts, names = _NAME.fullmatch(name), [name]
    if parts and symbol_of(parts["symbol"]) is None:
        names.append(f"{folder_name(parts['symbol'])}-{parts['timeframe']}")
    configured = load_all()
    for path in (folder / f"{each}.env" for each in names for folder in folders()):
        if path.is_file():
            one = load(path)
            return next(each for each in configured if series_of(each) == series_of(one))
    called = [each for each in configured if each.name in names]
    found = called or [each for each in configured if each.short_name in names]
    if len(found) > 1:
        raise UsageError(f"instance {name!r}: which of {', '.join(f'{each.exchange}-{name}' for each in found)}?")
    bare = found[0] if found else _from({}, names[-1], where=f"instance {name!r}")
    return next((each for each in configured if series_of(each) == series_of(bare)), bare)


def load(path: Path) -> Instance:
    """The instance in the env file at `path`; its name supplies what of the series the file leaves out."""
    try:
        one = _from(values_in(path), path.stem, where=str(path))
    except UsageError as error:
        raise ConfigError(str(error)) from None
    return replace(one, by_short_name=path.stem == one.short_name != one.name)


def series_of(one: Instance) -> tuple[str, str, str]:
    """The instance's series."""
    return one.exchange, one.symbol, one.timeframe


def values_in(path: Path) -> dict[str, str]:
    """The values of an env file. Raises ConfigError naming the line."""
    values: dict[str, str] = {}
    try:
        content = bytes_of(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read: {error}") from None
    for number, line, name, value in name_values(content, path):
        if name not in KEYS:
            text = line.strip()
            words = f"{quoted(text, 80)!r} is" if text.startswith("CT_") else "the line is"  # else it may be a secret
            raise ConfigError(f"{path}:{number}: {words} none of {', '.join(key + '=…' for key in KEYS)}")
        values[name] = value
    return values


def from_environment(environ: Mapping[str, str]) -> Instance | None:
    """The instance that CT_SYMBOL, CT_TIMEFRAME … of the process name; None without CT_SYMBOL."""
    values = {key: environ[key] for key in KEYS if environ.get(key)}
    return _from(values, "", where="--symbol, or CT_SYMBOL") if "CT_SYMBOL" in values else None


def refuse_another(instance: Instance) -> None:
    """Raises UsageError when another exchange's instance has its name: nothing would keep that one up to date."""
    for path in (folder / f"{instance.name}.env" for folder in folders()):
        if path.is_file() and (known := load(path)).exchange != instance.exchange:
            raise UsageError(
                f"{path} keeps {known.exchange}'s {known.symbol} up to date: rename it ({known.exchange}-{path.name}, "
                f"say; the series it names stays the same), then {instance.exchange}'s can be set up"
            )


def save(instance: Instance) -> Path:
    """Write the instance's env file under config/instances/ of the runtime root."""
    folder = paths.root() / "config" / "instances"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{instance.name}.env"
    write_text(
        path,
        f"CT_EXCHANGE={instance.exchange}\nCT_SYMBOL={instance.symbol}\nCT_TIMEFRAME={instance.timeframe}\n"
        f"CT_LOOKBACK_DAYS={instance.lookback_days:g}\nCT_GAP_REPAIR={int(instance.gap_repair)}\n",
    )
    return path


def _named(name: str) -> dict[str, str]:
    """The parts of a name: symbol and timeframe, and the exchange where it begins with one of config/exchanges.yaml."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        return {}
    symbol, exchange = parts["symbol"], ""
    first, dash, rest = symbol.partition("-")
    if dash and rest and first in load_exchanges(config.own_or_default("exchanges.yaml")):
        symbol, exchange = rest, first
    return {"symbol": symbol_of(symbol) or "", "timeframe": parts["timeframe"], "exchange": exchange}


def _from(values: Mapping[str, str], name: str, *, where: str) -> Instance:
    whole = all(values.get(key) for key in ("CT_SYMBOL", "CT_TIMEFRAME"))
    named = {} if whole else _named(name)
    symbol = values.get("CT_SYMBOL") or named.get("symbol")
    timeframe = values.get("CT_TIMEFRAME") or named.get("timeframe", "")
    if not symbol:
        raise UsageError(f"{where}: names no series: an instance is called SYMBOL-TIMEFRAME, such as BTCUSD-1m")
    if timeframe not in FETCHED:
        raise UsageError(f"{where}: unknown timeframe {timeframe!r} of {symbol} (known: {', '.join(FETCHED)})")
    days = values.get("CT_LOOKBACK_DAYS") or str(DEFAULT_LOOKBACK_DAYS)
    try:
        lookback_days = float(days)
    except ValueError:
        lookback_days = 0.0
    if not 0 < lookback_days < 40_000:
        raise UsageError(f"{where}: CT_LOOKBACK_DAYS={days} is not a number of days above 0")
    return Instance(
        exchange=values.get("CT_EXCHANGE") or named.get("exchange") or DEFAULT_EXCHANGE,
        symbol=symbol,
        timeframe=timeframe,
        lookback_days=lookback_days,
        gap_repair=values.get("CT_GAP_REPAIR", "1") not in ("0", "no", "false"),
    )
