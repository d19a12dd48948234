"""Defects for the validator to find, in either log, with its checksums made right again or left as they were.

Each knows, from what it changed and nothing else, which bar is the first, and which cause it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyjobs.live.journal import names
from pyjobs.live.journal.lines import chained
from pyjobs.live.journal.place import Place

Rows = list[list[str]]
D = {name: i for i, name in enumerate(names.DECISIONS)}
T = {name: i for i, name in enumerate(names.TRADES)}
B = {name: i for i, name in enumerate(names.BARS)}


@dataclass(frozen=True, kw_only=True)
class Defect:
    """`change` takes the rows of one file, without checksums, and gives the close of the first bar that is wrong."""

    name: str
    file: str
    live: bool
    change: Callable[[Rows], int]
    cause: str
    resealed: bool = True


def rows_of(path: Path) -> Rows:
    """The file's rows without their checksums; none where there is no file."""
    if not path.exists():
        return []
    return [line.split(",")[:-1] for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def put(path: Path, rows: Rows, *, resealed: bool) -> None:
    """Write them under the old heading; with checksums that fit, or with those the old lines had."""
    heading, *old = path.read_text(encoding="utf-8").splitlines(keepends=True)
    bodies = [",".join(row) for row in rows]
    if resealed:
        text, _ = chained("", bodies)
    else:
        seals = [line.rstrip("\n").rpartition(",")[2] for line in old]
        seals += seals[-1:] * max(0, len(bodies) - len(seals))
        text = "".join(f"{body},{seal}\n" for body, seal in zip(bodies, seals, strict=False))
    path.write_text(heading + text, encoding="utf-8")


def apply(defect: Defect, live: Place, other: Place) -> int:
    """Spoil the file it is about; the close of the first wrong bar."""
    path: Path = getattr(live if defect.live else other, defect.file)
    rows = rows_of(path)
    ts_ms = defect.change(rows)
    put(path, rows, resealed=defect.resealed)
    return ts_ms


def where(rows: Rows, test: Callable[[list[str]], bool], *, after: int = 20) -> int:
    """The first row from `after` on of which that is true."""
    return next(i for i in range(after, len(rows)) if test(rows[i]))


def cell(column: int, test: Callable[[list[str]], bool], new: Callable[[str], str]) -> Callable[[Rows], int]:
    """Change one cell of one row."""

    def change(rows: Rows) -> int:
        at = where(rows, test, after=min(20, len(rows) // 3))
        before = rows[at][column]
        rows[at][column] = new(before)
        assert rows[at][column] != before
        return int(rows[at][names.TS_MS]) if column != names.TS_MS else min(int(before), int(rows[at][column]))

    return change


def plain(row: list[str]) -> bool:
    """A decision about which nothing is recorded but itself, with a position."""
    return row[D["blocked_by"]] == "" and row[D["action"]] == "hold" and row[D["reason"]] == "holding"


def quiet(row: list[str]) -> bool:
    """One without a position and without a wish."""
    return row[D["blocked_by"]] == "" and row[D["reason"]] == "no_signal" and row[D["state"]] == "flat"


def ordered(row: list[str]) -> bool:
    """One that ordered an entry from flat."""
    return row[D["action"]].startswith("enter") and row[D["before"]] == row[D["after"]] == "flat"


def stopped(row: list[str]) -> bool:
    """A trade that a stop ended."""
    return row[T["reason"]] == "stop_hit"


def signalled(row: list[str]) -> bool:
    """A trade that a signal ended."""
    return row[T["reason"]] == "signal"


def drop(test: Callable[[list[str]], bool]) -> Callable[[Rows], int]:
    def change(rows: Rows) -> int:
        return int(rows.pop(where(rows, test, after=min(20, len(rows) // 3)))[names.TS_MS])

    return change


def headless(rows: Rows) -> int:
    """Some from the beginning, up to the first order."""
    first = int(rows[0][names.TS_MS])
    del rows[: where(rows, ordered, after=0) - 1]
    return first


def decided(row: list[str]) -> bool:
    """A bar of the file that was decided."""
    return row[B["kind"]] == names.DECIDED


def double(rows: Rows) -> int:
    at = len(rows) // 2
    rows.insert(at, list(rows[at]))
    return int(rows[at][names.TS_MS])


def swap(rows: Rows) -> int:
    at = len(rows) // 2
    rows[at], rows[at + 1] = rows[at + 1], rows[at]
    return int(rows[at + 1][names.TS_MS])


def double_trade(rows: Rows) -> int:
    at = len(rows) // 2
    rows.insert(at, list(rows[at]))
    return int(rows[at][names.TS_MS])


def tick(text: str) -> str:
    """A price of one more tick."""
    return repr(round(float(text) + 0.1, 10))


def state_stop(text: str) -> str:
    """A state whose stop lies a tick off."""
    parts = text.split("|")
    parts[5] = tick(parts[5])
    return "|".join(parts)


def later(text: str) -> str:
    return str(int(text) + 150_000)


def by_a_bar(text: str) -> str:
    return str(int(text) + 300_000)


def both(text: str) -> str:
    return {"long": "short", "short": "long", "flat": "long"}[text]


CHANGED, LATE, KILL, MISSING, FILL, CODE = (
    "data changed",
    "late decision",
    "limit or kill",
    "missing bar live",
    "stop-fill convention",
    "code or parameters changed",
)
IN_EITHER = (
    ("a swapped reason", "decisions", cell(D["reason"], plain, lambda _: "stop_hit"), CHANGED),
    ("a quiet bar that says it skipped", "decisions", cell(D["action"], quiet, lambda _: "skip"), CHANGED),
    ("another action", "decisions", cell(D["action"], plain, lambda _: "exit"), CHANGED),
    ("another side before", "decisions", cell(D["before"], plain, both), CHANGED),
    ("another side after", "decisions", cell(D["after"], plain, both), CHANGED),
    ("a stop off by a tick", "decisions", cell(D["state"], plain, state_stop), CHANGED),
    ("a state that is flat", "decisions", cell(D["state"], plain, lambda _: "flat"), CHANGED),
    ("an order that is none", "decisions", cell(D["action"], ordered, lambda _: "none"), CHANGED),
    ("a signal without an order", "decisions", cell(D["reason"], ordered, lambda _: "no_signal"), CHANGED),
    ("a trade too many in the count", "decisions", cell(D["trades"], plain, lambda n: str(int(n) + 1)), CHANGED),
    ("other cash", "decisions", cell(D["cash"], plain, tick), CHANGED),
    ("another quantity", "decisions", cell(D["quantity"], plain, tick), CHANGED),
    ("other equity", "decisions", cell(D["equity"], plain, tick), CHANGED),
    ("another day's equity", "decisions", cell(D["day_equity"], plain, tick), CHANGED),
    ("two rows swapped", "decisions", swap, CHANGED),
    ("a row twice", "decisions", double, CHANGED),
    ("a trade twice", "trades", double_trade, CHANGED),
    ("a trade less", "trades", drop(signalled), CHANGED),
    ("a stop filled a tick off", "trades", cell(T["exit_price"], stopped, tick), FILL),
    ("a signal filled a tick off", "trades", cell(T["exit_price"], signalled, tick), CHANGED),
    ("an entry a tick off", "trades", cell(T["entry_price"], signalled, tick), CHANGED),
    ("another side", "trades", cell(T["side"], signalled, both), CHANGED),
    ("another signal's time", "trades", cell(T["signal_ts_ms"], signalled, lambda t: str(int(t) - 300_000)), CHANGED),
    ("another entry's time", "trades", cell(T["entry_ts_ms"], signalled, by_a_bar), CHANGED),
    ("a bar more held", "trades", cell(T["bars_held"], signalled, lambda n: str(int(n) + 1)), CHANGED),
    ("another stop", "trades", cell(T["stop"], stopped, tick), CHANGED),
    ("another reason", "trades", cell(T["reason"], stopped, lambda _: "signal"), CHANGED),
    ("a return that is no number", "trades", cell(T["return"], signalled, lambda _: "x"), CHANGED),
    ("a signal of no time", "trades", cell(T["signal_ts_ms"], signalled, lambda _: "-"), CHANGED),
    ("another return", "trades", cell(T["return"], signalled, lambda x: repr(float(x) + 1e-6)), CHANGED),
)
LIVE_ALONE = (
    ("a shifted time", "decisions", cell(D["ts_ms"], plain, later), CHANGED),
    ("a dropped row", "decisions", drop(quiet), MISSING),
    ("a dropped row in a position", "decisions", drop(plain), MISSING),
    ("the first rows dropped", "decisions", headless, MISSING),
    ("a decided bar that says it was of the warm-up", "bars", cell(B["kind"], decided, lambda _: "warm_up"), CHANGED),
    ("a bar of no kind", "bars", cell(B["kind"], decided, lambda _: "decidec"), CHANGED),
    ("a bar that is neither late nor not", "decisions", cell(D["late"], quiet, lambda _: "2"), LATE),
    ("a bar that says it came late", "decisions", cell(D["late"], quiet, lambda _: "1"), LATE),
    (
        "a late bar that says it did not",
        "decisions",
        cell(D["late"], lambda r: r[D["late"]] == "1", lambda _: "0"),
        LATE,
    ),
    (
        "a late bar that nothing forbids",
        "decisions",
        cell(D["blocked_by"], lambda r: r[D["blocked_by"]] == "late", lambda _: ""),
        LATE,
    ),
    ("an order that a kill would have forbidden", "decisions", cell(D["blocked_by"], ordered, lambda _: "kill"), KILL),
    (
        "an order that a limit would have forbidden",
        "decisions",
        cell(D["blocked_by"], ordered, lambda _: "limit_all"),
        KILL,
    ),
    (
        "a bar with another close",
        "bars",
        cell(B["close"], lambda r: r[B["close"]] != r[B["high"]] and r[B["close"]] != r[B["low"]], tick),
        CHANGED,
    ),
)
BACKTEST_ALONE = (
    ("a backtest's shifted time", "decisions", cell(D["ts_ms"], plain, later), ""),
    ("a backtest's dropped row", "decisions", drop(quiet), CHANGED),
    ("a backtest's dropped row in a position", "decisions", drop(plain), CHANGED),
)  # fmt: skip


MOVED = {name for name, *_ in (*IN_EITHER, *LIVE_ALONE, *BACKTEST_ALONE) if "dropped" in name or "less" in name}
MOVED |= {"two rows swapped", "a shifted time", "a backtest's shifted time"}


def all_in_logs() -> list[Defect]:
    """Every one of them."""
    found = []
    for resealed, seal in ((True, ""), (False, ", edited by hand")):
        for live, whose in ((True, "live"), (False, "backtest")):
            alone = LIVE_ALONE if live else BACKTEST_ALONE
            for name, file, change, cause in (*IN_EITHER, *alone):
                why = cause if resealed else CHANGED
                if not resealed and name in MOVED:  # the first line that does not fit is then the next one
                    continue
                found.append(
                    Defect(
                        name=f"{whose}: {name}{seal}", file=file, live=live, change=change, cause=why, resealed=resealed
                    )
                )
    return found
