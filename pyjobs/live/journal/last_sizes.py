"""The sizes and times of the journal's files after the last step. A step looks longer at others.

Not synced: what is lost costs a longer look.
"""

from __future__ import annotations

import json
from contextlib import suppress

from pyjobs.live.journal.journal import Journal
from pyjobs.live.journal.place import Place
from utils.errors import BadDataError
from utils.files import os_files

FILE = "sizes.json"
A_TORN_LINE = 700  # bytes; two lines of decisions


def kept(place: Place) -> object:
    """The content of the file; None for nothing."""
    try:
        return os_files.read_json(place.folder / FILE)
    except (OSError, ValueError):
        return None


def keep(journal: Journal) -> None:
    """After a clean step."""
    with suppress(OSError):
        (journal.place.folder / FILE).write_text(json.dumps(journal.sizes()))


def forget(place: Place) -> None:
    """Where a journal begins: what was kept is of another, which was moved away."""
    with suppress(OSError):
        (place.folder / FILE).unlink(missing_ok=True)


def refuse_cut(place: Place) -> None:
    """Raises BadDataError where rows are gone that the last step left on the disk: no kill takes those."""
    try:
        gone = int(kept(place)[0][0]) - place.decisions.stat().st_size  # type: ignore[index]
    except (OSError, TypeError, ValueError, LookupError):
        return
    if gone > A_TORN_LINE:
        raise BadDataError(
            f"{place.decisions}: is {gone} bytes shorter than the last step left it: it was cut, or an older copy was "
            f"put back. Nothing was written; put the earlier file back, or remove {FILE} next to it to go on from "
            "here, late"
        )
