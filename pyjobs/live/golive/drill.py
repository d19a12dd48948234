"""The restart drill: a copy of a journal whose last write is torn as by a kill goes on to the same bytes."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pyjobs.live.deciding.core import deciders
from pyjobs.live.deciding.seen import seen_in
from pyjobs.live.deciding.standing import recorded
from pyjobs.live.equal.logs import BLOCKED, still
from pyjobs.live.feed import OVERLAP
from pyjobs.live.journal import names
from pyjobs.live.journal.lines import LinesFile
from pyjobs.live.spec import Spec
from pyjobs.live.step import Loop, Setting
from pyjobs.market.bars import TIMEFRAME_MS
from utils import paths
from utils.errors import NightdeskError

NOT_YET = "the loop has not decided two bars yet"
NAMES = ("decisions", "bars", "trades", "events")
DECIDED_AT = names.DECISIONS.index("decided_at")


def drilled(spec: Spec) -> str:
    """The failure; empty where the copy came back and decided its last bar as before. The journal is not touched."""
    with tempfile.TemporaryDirectory(prefix="nightdesk-drill-") as folder:
        twin = replace(spec, home=Path(folder))
        with still(spec.place):
            for name in NAMES:
                path = getattr(twin.place, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):
                    shutil.copyfile(getattr(spec.place, name), path)
        try:
            return _torn_and_back(twin)
        except (NightdeskError, OSError, ValueError) as error:
            return str(error).replace(folder, str(paths.data_dir()))  # a copy that is gone is of no use


def _torn_and_back(twin: Spec) -> str:
    place = twin.place
    rows = LinesFile(path=place.decisions, columns=names.DECISIONS).tail(2)
    if len(rows) < 2:
        return NOT_YET
    last = rows[-1]
    at_ms = int(last[names.TS_MS])
    setting = Setting(now_ms=lambda: at_ms + TIMEFRAME_MS[twin.timeframe], fetched=False, synced=False)
    Loop(twin, setting).journal.close()  # a real kill may have left something, too: that is set right first
    kept = {name: path.read_bytes() if (path := getattr(place, name)).exists() else b"" for name in NAMES[:3]}
    whole = kept["decisions"]
    begins = whole.rfind(b"\n", 0, len(whole) - 1) + 1
    place.decisions.write_bytes(whole[: (begins + len(whole)) // 2])  # a kill amid the write of the last row
    loop = Loop(twin, setting)
    try:
        if loop.stand.ts_ms != int(rows[0][names.TS_MS]):
            return f"after a torn write it is at ts_ms {loop.stand.ts_ms}, not at {rows[0][names.TS_MS]}"
        _decide_again(loop, kept["bars"], last)
    finally:
        loop.journal.close()
    apart = [name for name in NAMES[:3] if kept[name] and getattr(place, name).read_bytes() != kept[name]]
    return f"the last bar, decided again, gives another {', '.join(f'{name}.csv' for name in apart)}" if apart else ""


def _decide_again(loop: Loop, bars: bytes, last: list[str]) -> None:
    """The last bar, from the stand that the torn files gave."""
    reach = loop.lane.lookback + OVERLAP
    lines = bars.splitlines()[1:][-reach:]
    seen, n = seen_in([line.decode().split(",") for line in lines]), len(lines)
    trades: list[str] = []
    text = ""
    for _, b, first, decider in deciders(loop.lane, loop.stand, seen, n - 1, n):
        done = decider.decide(b - 1 - first, recorded(last[BLOCKED]))
        text, trades = done.text, [f"{trade},{last[DECIDED_AT]}" for trade in done.trades]
    rest = ",".join(last[names.DETERMINISTIC : -1])
    loop.journal.append([lines[-1].decode().rpartition(",")[0]], [f"{text},{rest}"], trades)
