"""reports/data.json as types: what an import found in each file. The import writes them, the reports read them."""

from __future__ import annotations

import msgspec

from utils.foreign_text import quoted


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`count` rows with the same peculiarity: when the first one was, and one as it stood in the file, printable."""

    what: str
    count: int
    first: str | int | None = None
    example: str | None = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "what", quoted(self.what))
        if self.example is not None:
            msgspec.structs.force_setattr(self, "example", quoted(self.example))


class ImportedSeries(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument. `first_session` and `last_session` are days, YYYY-MM-DD; None: nothing could be read.

    `cleaned` rows were changed or left out, `oddities` are stored as they are; `beside_store`: how they met those.
    """

    symbol: str
    exchange: str
    timeframe: str
    file: str = ""
    rows_read: int = 0
    bars: int = 0
    first_session: str | None = None
    last_session: str | None = None
    first_ts_ms: int | None = None
    last_ts_ms: int | None = None
    new: int = 0
    changed: int = 0
    same: int = 0
    left: int = 0
    gone: int = 0
    rebased: bool = False
    unconfirmed_ts_ms: int | None = None
    cleaned: list[Finding] = []
    oddities: list[Finding] = []
    beside_store: list[Finding] = []
    error: str | None = None


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    desk: str = ""
    instruments: list[ImportedSeries]
