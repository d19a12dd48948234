"""The manifest of a backtest: what was asked, what it came from file by file, and the sha256 of every result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyjobs.runs import provenance
from pyjobs.runs.manifest import utc_text
from pyjobs.runs.provenance import combined
from pyjobs.runs.sealed import prints
from pyjobs.runs.witness import mixed
from utils.files.os_files import file_sha256

if TYPE_CHECKING:
    from pyjobs.market.bars import SeriesKey
    from pyjobs.market.store.bar_store import BarStore

SCHEMA = 1
KIND = "backtest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Where the inputs are: the clone, its config folder, the desk file, the series read, and further data files.

    `benchmarks`: name -> sha256 of the closes used. `files`: other data files, such as corporate actions.
    """

    clone: Path
    config_dir: Path
    desk_file: Path
    store: BarStore
    series: Sequence[SeriesKey]
    benchmarks: Mapping[str, str]
    files: Sequence[Path] = ()
    begun: Begun | None = None

    def begin(self) -> Inputs:
        """These inputs as they are now: the verb is about to compute with them."""
        return replace(self, begun=Begun(inputs=self.now(), marks=self._marks()))

    def as_manifest(self) -> dict[str, object]:
        """The inputs as they were when the verb began; what has changed since then is marked as `mixed`."""
        if self.begun is None:
            return self.now()
        found: dict[str, Any] = {name: dict(found) for name, found in self.begun.inputs.items()}
        found["data"] = _hashed("series", {**found["data"]["series"], **dict(self._closes())})
        marks = self._marks()
        if marks != self.begun.marks:
            later = self.now()
            for name in found:
                was, now = found[name], later[name]
                if marks[name] != self.begun.marks[name] and was["sha256"] != now["sha256"]:
                    found[name]["mixed"] = [{"from_step": "the end", **_plain(now)}]
        return found

    def _marks(self) -> dict[str, str]:
        marks = provenance.marks(self.clone, self.desk_file, self.config_dir, self.series, self.store)
        stats = [path.stat() for path in self.files if path.is_file()]
        return {**marks, "data": marks["data"] + str([(each.st_size, each.st_mtime_ns) for each in stats])}

    def now(self) -> dict[str, Any]:
        """Each input as one sha256 and, below it, one entry per file, series or package."""
        files = provenance.code_files(self.clone)
        return {
            "code": {**provenance.code(self.clone, files), "files": files},
            "config": _hashed("files", provenance.config_files(self.desk_file, self.config_dir)),
            "data": _hashed("series", dict(self._data())),
            "dependencies": _hashed("packages", dict(_packages())),
        }

    def _data(self) -> Iterable[tuple[str, str]]:
        known = provenance.data(self.series, self.store)["series"]
        assert isinstance(known, dict)  # `provenance.data` makes it so; this is for the type checker
        yield from known.items()
        yield from self._closes()
        yield from ((path.name, file_sha256(path)) for path in self.files if path.is_file())

    def _closes(self) -> Iterable[tuple[str, str]]:
        return ((f"benchmark {name}", digest) for name, digest in self.benchmarks.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The inputs as they were at the start, and marks by which a change is seen without reading them again."""

    inputs: Mapping[str, Any]
    marks: Mapping[str, str]


def build(
    run_dir: Path,
    *,
    name: str,
    request: Mapping[str, object],
    inputs: Mapping[str, object],
    started: datetime,
    finished: datetime,
) -> dict[str, object]:
    """The manifest of the results in `run_dir` as they stand."""
    return {
        **described(run_dir, name),
        "request": dict(request),
        "inputs": dict(inputs),
        "mixed": mixed(inputs),
        "filled_in": False,
        "times": {
            "started_utc": utc_text(started),
            "finished_utc": utc_text(finished),
            "seconds": round((finished - started).total_seconds(), 3),
        },
    }


def filled_in(run_dir: Path) -> dict[str, object]:
    """A manifest for a run that has none: its files as they are now; what it came from is not known any more."""
    return {**described(run_dir, run_dir.name), "request": None, "inputs": None, "filled_in": True, "times": None}


def described(run_dir: Path, name: str) -> dict[str, object]:
    """What the folder alone shows."""
    files, left_out = prints(run_dir)
    return {"schema": SCHEMA, "kind": KIND, "run": name, "files": files, **({"left_out": left_out} if left_out else {})}


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if not isinstance(value, dict)}


def _hashed(what: str, named: Mapping[str, str]) -> dict[str, object]:
    return {"sha256": combined(named.items()), what: dict(sorted(named.items()))}


def _packages() -> Iterable[tuple[str, str]]:
    import platform

    yield "python", platform.python_version()
    for distribution in metadata.distributions():
        yield str(distribution.name), str(distribution.version)
