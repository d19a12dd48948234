"""Where an instance's files lie: `data/processed/decisions/<tag>/<SYMBOL>/<timeframe>/`, and its trades' next to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pyjobs.market.store.names import folder_name, symbol_of
from utils import paths
from utils.errors import UsageError

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CELL = re.compile(r"[^,\"\s\x00-\x1f]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The files of one (tag, symbol, timeframe). `home`: where data lies instead, for a copy."""

    tag: str
    symbol: str
    timeframe: str
    home: Path | None = None

    @classmethod
    def of_decisions(cls, path: Path) -> Place:
        """The place of this `decisions` file; its symbol is as in the folder's name, `BTC_USD` for `BTC/USD`."""
        tag, folder, timeframe = path.parts[-4:-1]
        return cls(tag=tag, symbol=symbol_of(folder) or folder, timeframe=timeframe)

    @property
    def symbol_folder(self) -> str:
        """`BTC/USD` as BTC_USD; what else a folder's name cannot have is percent-encoded."""
        return folder_name(self.symbol.replace("/", "_"))

    def _folder(self, kind: str) -> Path:
        return (self.home or paths.data_dir()) / "processed" / kind / self.tag / self.symbol_folder / self.timeframe

    @property
    def folder(self) -> Path:
        """Where decisions, bars and events are."""
        return self._folder("decisions")

    @property
    def decisions(self) -> Path:
        """One line for each closed bar."""
        return self.folder / "decisions.csv"

    @property
    def bars(self) -> Path:
        """Each bar as it was decided on."""
        return self.folder / "bars.csv"

    @property
    def events(self) -> Path:
        """The file of other events."""
        return self.folder / "events.csv"

    @property
    def trades(self) -> Path:
        """One line for each finished trade."""
        return self._folder("trades") / "trades.csv"

    @property
    def name(self) -> str:
        """For locks and lines: tag-SYMBOL-timeframe."""
        return f"{self.tag}-{self.symbol_folder}-{self.timeframe}"

    @property
    def lock(self) -> Path:
        """Its holder has the files to itself."""
        return paths.locks_dir() / f"live-{self.name}.lock"


def checked_tag(tag: str, source: str) -> str:
    """The tag. Raises UsageError for what cannot be a folder."""
    if not _TAG.fullmatch(tag) or tag.endswith("."):
        raise UsageError(f"{source}: {tag!r} is not a tag: letters, digits, '.', '_' and '-', at most 100")
    return tag


def checked_symbol(symbol: str, source: str) -> str:
    """The symbol. Raises UsageError for what cannot stand in a cell."""
    if not _CELL.fullmatch(symbol):
        raise UsageError(
            f"{source}: {symbol!r} cannot be in a file of comma-separated values: use no blank, comma or quote"
        )
    return symbol
