"""Two backtests side by side: SAME or DRIFT, the first field and trade that differ, and which input changed.

Numbers are compared as they are written, to the last digit: a float is written as the shortest text that gives it back,
so one unit in the last place is another text. Names and times of the runs are not compared. A picture that alone
differs is a note, not a drift: it is drawn from the numbers. Only the standard library is used; it starts in no time.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pyjobs.runs.run_folder import MANIFEST
from utils.files.os_files import files_below, has_file, held_bytes, read_json
from utils.wording import first_of

TRADES = "trades.csv"
PICTURES = (".png", ".html")
INPUTS = ("code", "config", "data", "dependencies")
NAMED_CHANGES = 5
ABSENT = "(absent)"
BENCHMARK = "benchmark "  # the hash of the closes that were used, so another for another stretch
# In this order a reader learns most from the first line: what was traded, then what it came to.
_FIRST = (TRADES, "equity_curve.csv", "daily_returns.csv", "metrics.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a file first differs: `where` is line and field, `a` and `b` are the two texts, `more` how many follow."""

    file: str
    where: str
    a: str
    b: str
    more: int = 0

    def text(self) -> str:
        """`trades.csv: trade 3 (AAA 1700000000000) entry_price: A 100.0, B 100.00000000000001 (+4 more)`."""
        rest = f" (+{self.more} more)" if self.more else ""
        return f"{self.file}: {self.where}: A {self.a}, B {self.b}{rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`differences`: at most one per file, trades first. `changed`: one line per input; `notes`: what is no drift."""

    a: str
    b: str
    verdict: Literal["SAME", "DRIFT"]
    differences: list[Difference]
    changed: list[str]
    notes: list[str]

    def lines(self) -> list[str]:
        """The report, its verdict first."""
        lines = [f"[compare] {self.verdict}", f"A (previous): {self.a}", f"B (latest):   {self.b}"]
        if self.differences:
            lines.append(f"first difference: {self.differences[0].text()}")
            if self.differences[0].file != TRADES:
                lines.append(f"{TRADES}: no difference")
            lines += [f"also: {each.text()}" for each in self.differences[1:]]
        lines += [f"changed input: {line}" for line in self.changed] or ["changed input: none"]
        return lines + [f"note: {note}" for note in self.notes]


def compare(a: Path, b: Path) -> Comparison:
    """Compare two run folders, file by file as they are on disk. Raises OSError for what cannot be read."""
    found = [diff for name in _names(a, b) if (diff := _difference(a / name, b / name, name)) is not None]
    drift = [each for each in found if not each.file.endswith(PICTURES)]
    drawn = [each.file for each in found if each.file.endswith(PICTURES)]
    notes = [f"pictures differ, which alone is no drift: {_some(drawn)}"] if drawn else []
    manifests = _manifest(a), _manifest(b)
    notes += [
        f"{name}: its inputs are not known" for name, m in zip("AB", manifests, strict=True) if not m.get("inputs")
    ]
    notes += [note for name, path, m in zip("AB", (a, b), manifests, strict=True) for note in _touched(name, path, m)]
    return Comparison(
        a=a.name,
        b=b.name,
        verdict="DRIFT" if drift else "SAME",
        differences=drift,
        changed=list(changed_inputs(*manifests)),
        notes=notes,
    )


def changed_inputs(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    """One line per input that is not the same in two manifests, naming the files, series or packages."""
    asked = [_change(key, was, now) for key, was, now in _unequal(a.get("request") or {}, b.get("request") or {})]
    if asked and a.get("request") and b.get("request"):
        yield f"request: {_some(asked)}"
    mine, theirs = _table(a.get("inputs")), _table(b.get("inputs"))
    other_stretch = any(
        key in ("start", "end") for key, _, _ in _unequal(a.get("request") or {}, b.get("request") or {})
    )
    for name in INPUTS:
        was, now = _table(mine.get(name)), _table(theirs.get(name))
        if was and now and was.get("sha256") != now.get("sha256"):
            listed = next((key for key in ("files", "series", "packages") if isinstance(now.get(key), dict)), "")
            every = list(_unequal(was.get(listed) or {}, now.get(listed) or {}))
            entries = [each for each in every if not (other_stretch and each[0].startswith(BENCHMARK))]
            if every and not entries:
                continue  # another stretch of the same closes was used
            shown = [_change(key, x, y) if listed == "packages" else _event(key, x, y) for key, x, y in entries]
            yield f"{name}: {_some(shown)}{_commits(was, now)}"


def _names(a: Path, b: Path) -> list[str]:
    """Every result of either run, the most telling first; manifests and pictures last."""
    names = {p.relative_to(run).as_posix() for run in (a, b) for p in files_below(run)} - {MANIFEST}
    rank = {name: place for place, name in enumerate(_FIRST)}
    return sorted(names, key=lambda name: (name.endswith(PICTURES), rank.get(name, len(rank)), name))


def _difference(a: Path, b: Path, name: str) -> Difference | None:
    if not (has_file(a) and has_file(b)):
        return Difference(file=name, where="file", a=_there(a), b=_there(b))
    try:
        mine, theirs = held_bytes(a), held_bytes(b)
    except OSError as error:  # the other files are compared all the same
        return Difference(file=name, where="cannot be read", a=f"{error.filename}", b=f"{error.strerror}")
    if mine == theirs:
        return None
    if name.endswith(PICTURES):
        return Difference(file=name, where="bytes", a=f"{len(mine)} bytes", b=f"{len(theirs)} bytes")
    texts = mine.decode("utf-8", "replace"), theirs.decode("utf-8", "replace")
    try:
        every = _of_csv(*texts) if name.endswith(".csv") else _of_json(*texts) if name.endswith(".json") else None
        first = _first(name, every or _of_lines(*texts))
    except (ValueError, csv.Error):  # not the JSON or CSV that its name promises
        first = _first(name, _of_lines(*texts))
    return first or Difference(file=name, where="bytes", a=f"{len(mine)} bytes", b=f"{len(theirs)} bytes")


def _first(name: str, every: Iterator[tuple[str, str, str]]) -> Difference | None:
    found = next(every, None)
    if found is None:
        return None
    return Difference(file=name, where=found[0], a=found[1], b=found[2], more=sum(1 for _ in every))


def _of_csv(a: str, b: str) -> Iterator[tuple[str, str, str]]:
    """(where, a, b) per cell; a row only one has is one difference. A row is named by its number and what it is of."""
    mine, theirs = csv.reader(io.StringIO(a)), csv.reader(io.StringIO(b))
    header, other = next(mine, []), next(theirs, [])
    if header != other:
        yield "columns", ",".join(header), ",".join(other)
    what = "trade" if "entry_price" in header else "row"
    for number, (row, their) in enumerate(itertools.zip_longest(mine, theirs), 1):
        if row is None or their is None:
            yield f"{what} {number}", ",".join(row or [ABSENT]), ",".join(their or [ABSENT])
            continue
        if row == their:
            continue
        for place, (x, y) in enumerate(itertools.zip_longest(row, their, fillvalue=ABSENT)):
            if x != y:
                column = header[place] if place < len(header) else f"column {place + 1}"
                yield f"{what} {number} ({_label(header, row)}) {column}", x, y


def _label(header: list[str], row: list[str]) -> str:
    """Which trade or session it is: `AAA long signal 1700000000000`, or the first cell."""
    cells = dict(zip(header, row, strict=False))
    named = [cells[key] for key in ("symbol", "side") if key in cells]
    signal = cells.get("signal_ts_ms")
    return " ".join([*named, f"signal {signal}"]) if named and signal else (row[0] if row else "empty")


def _of_json(a: str, b: str) -> Iterator[tuple[str, str, str]]:
    for key, x, y in _unequal(_literal(a), _literal(b)):
        yield key or "content", _shown(x), _shown(y)


def _of_lines(a: str, b: str) -> Iterator[tuple[str, str, str]]:
    for number, (x, y) in enumerate(itertools.zip_longest(a.splitlines(), b.splitlines(), fillvalue=ABSENT), 1):
        if x != y:
            yield f"line {number}", x, y


def _literal(text: str) -> Any:
    """JSON with every number kept as it is written. Raises ValueError, also where it is nested without an end."""
    try:
        return json.loads(text, parse_float=str, parse_int=str)
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _unequal(a: Any, b: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, a's, b's) of every leaf that is not the same, in the order of `a` and then what only `b` has."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in (*a, *(key for key in b if key not in a)):
            inner = f"{path}.{key}" if path else str(key)
            yield from _unequal(a.get(key, ABSENT), b.get(key, ABSENT), inner)
    elif isinstance(a, list) and isinstance(b, list):
        for number, (x, y) in enumerate(itertools.zip_longest(a, b, fillvalue=ABSENT)):
            yield from _unequal(x, y, f"{path}[{number}]")
    elif a != b:
        yield path, a, b


def _manifest(run: Path) -> dict[str, Any]:
    try:
        record = read_json(run / MANIFEST)
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _table(value: object) -> Mapping[str, Any]:
    """The manifest's entry there, if it is a table; any program may have written it."""
    return value if isinstance(value, dict) else {}


def _touched(name: str, run: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Results with a size or presence that differs from the run's own manifest: they were changed afterwards."""
    for file, entry in _table(manifest.get("files")).items():
        path = run / file
        if not has_file(path):
            yield f"{name}: {file} is missing, its manifest has it"
        elif _sha256(path) != (entry.get("sha256") if isinstance(entry, dict) else ""):
            yield f"{name}: {file} was changed after the run: it differs from its manifest"


def _sha256(path: Path) -> str:
    import hashlib

    try:
        return hashlib.sha256(held_bytes(path)).hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _event(key: str, was: object, now: object) -> str:
    return f"{key} added" if was == ABSENT else f"{key} removed" if now == ABSENT else f"{key} changed"


def _change(key: str, was: object, now: object) -> str:
    return f"{key} {_shown(was)} -> {_shown(now)}"


def _some(lines: list[str]) -> str:
    return first_of(lines, NAMED_CHANGES, "; ") or "another hash, no list to name what"


def _commits(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    before, after = (f"{str(each.get('commit'))[:9]}{'+' if each.get('dirty') else ''}" for each in (was, now))
    return f" (commit {before} -> {after})" if was.get("commit") and now.get("commit") else ""


def _there(path: Path) -> str:
    return "present" if has_file(path) else "no file" if os.path.lexists(path) else ABSENT


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
