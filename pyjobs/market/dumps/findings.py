"""What was found in a dump: treated (changed or left out on the way in) or kept and worth knowing (a wart)."""

from __future__ import annotations

from dataclasses import dataclass

from utils.foreign_text import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`count` rows with the same peculiarity: when the first one was, and one as it stood in the file, printable."""

    what: str
    count: int
    first: str
    example: str

    def __post_init__(self) -> None:
        for name in ("what", "example"):
            object.__setattr__(self, name, quoted(getattr(self, name)))
