"""What a job says of its own outcome through a pipe: lines of JSON, read as what others wrote.

Known keys, a known alphabet and a known length; anything else in there is passed over. The supervisor imports this.
"""

from __future__ import annotations

from utils.foreign_text import quoted

TYPE_CHECKING = False  # importing typing for the real one costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_LINE = 4096
TEXTS = {"kind": 40, "provider": 80, "symbol": 80, "detail": 500}
FLAGS = ("judge", "guarded", "code")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyz-_")


def read(received: bytes) -> dict[str, str | int]:
    """Everything the lines say, later ones winning. What is no line of a job's is not there."""
    note: dict[str, str | int] = {}
    if not received:
        return note
    import json

    for line in received.split(b"\n"):
        if not line or len(line) > LONGEST_LINE:
            continue
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            note |= _known(said)
    return note


def _known(said: Mapping[str, object]) -> dict[str, str | int]:
    """Of a line's keys those that are known and hold what they should."""
    found: dict[str, str | int] = {}
    for key, longest in TEXTS.items():
        value = said.get(key)
        if isinstance(value, str) and value and (key != "kind" or _WORD.issuperset(value)):
            found[key] = quoted(value, longest)
    for key in FLAGS:
        number = said.get(key)
        if isinstance(number, int) and 0 <= number <= 255:
            found[key] = int(number)
    return found
