"""Every loop over what desks, loops and releases live by, each with one bad thing among three."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from pyjobs import release
from pyjobs.frames import of_runs
from pyjobs.frames import stored as frames_stored
from pyjobs.live import health
from pyjobs.machines import artifact
from pyjobs.market.desk import snapshot
from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.dumps.changed import import_changed
from pyjobs.market.providers import krx_stock, webcache
from pyjobs.market.providers.base import BarRequest
from pyjobs.market.universe import fetch_desk, symbol_states
from pyjobs.market.universe.symbol_states import SymbolState
from pyjobs.runs import prune, released, retention
from pyjobs.runs.verdict import look
from tests.one_by_one.support.market_table import NOON_MS, dumped, store_of, stored
from tests.one_by_one.support.runs_table import IDS, NOW, accounts, files, runs
from tests.one_by_one.support.spoiled import Loop
from utils.errors import NightdeskError

RELEASE = json.dumps({"tag": "{0}", "commit": "c", "committed_s": 1, "reads_format": 1, "files": {}})
LIVE = "loops:\n" + "".join(
    f"  {name}: {{exchange: BITFINEX, symbol: {name.upper()}USD, timeframe: 5m, strategy: ma_cross}}\n"
    for name in "abc"
)
GONE = SymbolState(state="silent", since="2026-11-20", asked_ms=1)


def on_desk(home: Path) -> Path:
    """A desk of three stored series; the partition of the middle one."""
    dumped(home)
    return stored(home)


def taken(home: Path) -> list[str]:
    found = snapshot.take(load_desk(home / "desk.yaml"), store_of(home), asked=None, now_s=NOON_MS / 1000)
    return [each.instrument.symbol for each in found.series if not each.fault and len(each.bars)]


def framed(_: Path) -> list[str]:
    found = frames_stored.series()
    return list(found["symbol"][found["bars"].notna()])


def figures(home: Path) -> list[str]:
    found = of_runs.metrics(home / "run")
    return list(found.index[found["currency"].astype(str).isin(["a", "b", "c"])])


def removed(home: Path) -> list[str]:
    folder = home / "data/server_runs"
    decisions = retention.decide(prune.look(folder), keep_days=1, keep_max_runs=1)
    doomed = [each for each in decisions if each.action == "remove"]
    return [each.entry.name for each, wrong in prune.remove_each(folder, doomed) if wrong is None]


def changed(home: Path) -> list[str]:
    desk = load_desk(home / "desk.yaml")
    done = import_changed(desk, home / "dumps", store_of(home), now_ms=NOON_MS)
    return [each.instrument.symbol for each in done if each.error is None]


def states_kept(_: Path) -> list[str]:
    with contextlib.suppress(OSError, NightdeskError):
        fetch_desk._keep_states({name: {"X:1d": GONE} for name in "ABC"})
    return [name for name in "ABC" if "X:1d" in symbol_states.load(name)]


def isins_kept(_: Path) -> list[str]:
    krx_stock._keep_isins({"005930": "KR7005930003"}, NOON_MS)
    return list(krx_stock._isins(NOON_MS))


def cached(_: Path) -> list[str]:
    request = BarRequest(symbol="A", timeframe="1d", market="XKRX", start_ms=1, end_ms=NOON_MS)
    webcache.save("t", request, {"rows": [[1]]}, NOON_MS, last_ts_ms=NOON_MS)
    found = webcache.load("t", request, NOON_MS, revised_for_ms=0)
    return [] if found is None else [found.symbol]


def a_loop_s(what: str) -> Loop:
    """Three loops of live.yaml; `what` of the middle one is spoiled."""

    def make(home: Path) -> Path:
        files("secret", "live.yaml", "live.yaml", "live.yaml", text=LIVE)(home)
        places = [f"{name}USD/5m/{what}" for name in "ABC"]
        return files("data/processed/decisions/bitfinex_5m", *places)(home)

    return Loop(
        make=make,
        read=lambda _: [each.name for each in health.look(NOON_MS)],
        others=frozenset(("live a", "live c")),
    )


def checked(home: Path) -> list[str]:
    """Which parts of health had something to say; `home` has a run, logs, locks and state."""
    return [check.kind for check in look.look(look.House(NOW.timestamp() + 9, str(home / "desk.yaml")))]


def a_whole_house(place: str) -> Loop:
    """Health of a house in which `place` is spoiled: every kind of check has its say."""

    def make(home: Path) -> Path:
        runs(home)
        on_desk(home)
        files("logs", "history.jsonl", "x_2026-11-19.log", "x_2026-11-20.log")(home)
        files(".locks", "a.lock", "a.holder", "b.lock")(home)
        files("data/providers/state", "a.json", "b.json", "c.json", text='{"provider": "{0}"}')(home)
        files("secret", "jobs.yaml", "live.yaml", "desk.yaml", text="{}")(home)
        files("data", "backups.json", "drill.json", "x.json", text="{}")(home)
        (home / "repos.lock").touch()
        return home / place

    return Loop(
        make=make,
        read=checked,
        long=place != "logs/history.jsonl",
        others=frozenset(("clock", "disk", "write", "run", "backup", "storage")),
    )


DESK_TABLE: dict[str, Loop] = {
    "market/desk/snapshot.py _read": Loop(make=on_desk, read=taken, others=frozenset("AC")),
    "frames/stored.py series": Loop(make=stored, read=framed, others=frozenset("AC")),
    "frames/of_runs.py metrics": Loop(make=accounts, read=figures, others=frozenset("ac")),
    "runs/prune.py remove_each": Loop(
        make=lambda h: (runs(h), h / "data/server_runs" / IDS[1])[1],
        read=removed,
        others=frozenset((IDS[0],)),
        changes=True,
    ),
    "market/dumps/changed.py import_changed, a file": Loop(
        make=dumped, read=changed, others=frozenset("AC"), changes=True
    ),
    "market/dumps/changed.py import_changed, what it knows": Loop(
        make=lambda h: (dumped(h), files("data/universe", "x.json", "imports-d.json", "y.json", text="{}")(h))[1],
        read=changed,
        others=frozenset("ABC"),
        changes=True,
    ),
    "runs/released.py all_of": Loop(
        make=files("releases", *(f"{name}/{released.ABOUT}" for name in "abc"), text=RELEASE),
        read=lambda h: [each.commit for each in released.all_of(h / "releases")][:2],
        others=frozenset("c"),
    ),
    "release.py _built": Loop(
        make=files("releases", *(f"{name}/{artifact.ABOUT}" for name in "abc"), text=RELEASE),
        read=lambda h: [path.name for _, path in release._built(h / "releases")],
        others=frozenset("ac"),
    ),
    "universe/fetch_desk.py _keep_states": Loop(
        make=files("data/universe", "A.json", "B.json", "C.json", text="{}"),
        read=states_kept,
        others=frozenset("AC"),
        changes=True,
    ),
    "providers/krx_stock.py _keep_isins": Loop(
        make=files("data/webcache/krx", *(f"isins_2026-01-0{day}.json" for day in (1, 2, 3)), text="{}"),
        read=isins_kept,
        others=frozenset(("005930",)),
        changes=True,
    ),
    "providers/webcache.py save": Loop(
        make=files("data/webcache/yf/A", *(f"2026-01-0{day}_t_1d.json" for day in (1, 2, 3)), text="{}"),
        read=cached,
        others=frozenset("A"),
        changes=True,
    ),
    "live/health.py look, decisions": a_loop_s("decisions.csv"),
    "live/health.py look, bars": a_loop_s("bars.csv"),
    "verdict/look.py look, the desk": a_whole_house("desk.yaml"),
    "verdict/look.py look, the history": a_whole_house("logs/history.jsonl"),
    "verdict/look.py look, runs": a_whole_house("data/server_runs"),
    "verdict/look.py look, locks": a_whole_house(".locks"),
    "verdict/look.py look, logs": a_whole_house("logs"),
    "verdict/look.py look, states": a_whole_house("data/providers/state"),
    "verdict/look.py look, jobs": a_whole_house("secret/jobs.yaml"),
    "verdict/look.py look, loops": a_whole_house("secret/live.yaml"),
    "verdict/look.py look, repos": a_whole_house("repos.lock"),
    "verdict/look.py look, backups": a_whole_house("data/backups.json"),
}
