"""Instances: the series that are kept up to date, one small env file each, such as `BTCUSD-1m.env`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyjobs.market.bars import FETCHED
from pyjobs.market.store.names import folder_name, symbol_of
from utils import paths
from utils.atomic import write_text
from utils.errors import ConfigError, UsageError
from utils.foreign_text import quoted
from utils.text_files import bytes_of

DEFAULT_EXCHANGE = "BITFINEX"
DEFAULT_LOOKBACK_DAYS = 3.0
KEYS = ("CT_EXCHANGE", "CT_SYMBOL", "CT_TIMEFRAME", "CT_LOOKBACK_DAYS", "CT_GAP_REPAIR")
_NAME = re.compile(r"(?P<symbol>.+)-(?P<timeframe>[0-9]+[mhd])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One series that is kept up to date. `lookback_days`: how far back a first ingest and every gap repair look."""

    exchange: str
    symbol: str
    timeframe: str
    lookback_days: float
    gap_repair: bool

    @property
    def name(self) -> str:
        """`BTCUSD-1m`; a symbol that cannot be part of a file name is percent-encoded."""
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


def load_all() -> list[Instance]:
    """Every configured instance, sorted by name. Raises ConfigError naming file and line."""
    return [load(path) for path in files()]


def files() -> list[Path]:
    """The file of every configured instance, sorted by name."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.env")):
            found.setdefault(path.stem, path)
    return [path for _, path in sorted(found.items())]


def by_name(name: str) -> Instance:
    """The instance `BTCUSD-1m`: from its file, or from the name alone when there is none. Raises UsageError.

    A symbol may stand as it is, or as its file has it: `DOGE:USD-1m`, `DOGE%3AUSD-1m`. systemd cannot have a `%` in a
    unit's name: there it is written `\\x25`.
    """
    name = name.replace(r"\x25", "%")
    if "/" in name or "\0" in name or name.startswith("."):
        raise UsageError(f"an instance is called SYMBOL-TIMEFRAME, such as BTCUSD-1m, not {quoted(name, 80)!r}")
    parts, names = _NAME.fullmatch(name), [name]
    if parts and symbol_of(parts["symbol"]) is None:
        names.append(f"{folder_name(parts['symbol'])}-{parts['timeframe']}")
    for path in (folder / f"{each}.env" for each in names for folder in folders()):
        if path.is_file():
            return load(path)
    return _from({}, names[-1], where=f"instance {name!r}")


def load(path: Path) -> Instance:
    """The instance in the env file at `path`; its name supplies symbol and timeframe that the file leaves out."""
    values: dict[str, str] = {}
    try:
        lines = bytes_of(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot read: {error}") from None
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or name not in KEYS:
            told = f"{quoted(text, 80)!r} is" if text.startswith("CT_") else "the line is"  # else it may be a secret
            raise ConfigError(f"{path}:{number}: {told} none of {', '.join(key + '=…' for key in KEYS)}")
        values[name] = value.strip().strip("\"'")
    try:
        return _from(values, path.stem, where=str(path))
    except UsageError as error:
        raise ConfigError(str(error)) from None


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


def _from(values: Mapping[str, str], name: str, *, where: str) -> Instance:
    parts = _NAME.fullmatch(name)
    symbol = values.get("CT_SYMBOL") or (symbol_of(parts["symbol"]) if parts else None)
    timeframe = values.get("CT_TIMEFRAME") or (parts["timeframe"] if parts else "")
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
        exchange=values.get("CT_EXCHANGE") or DEFAULT_EXCHANGE,
        symbol=symbol,
        timeframe=timeframe,
        lookback_days=lookback_days,
        gap_repair=values.get("CT_GAP_REPAIR", "1") not in ("0", "no", "false"),
    )
