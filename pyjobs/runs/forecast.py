"""How much room the nights will take: from `size_mb` of those that are kept, retention counted in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from pyjobs.runs.retention import KEEP_DAYS, KEEP_MAX_RUNS
from pyjobs.runs.run_folder import MANIFEST, PINNED, finished_runs
from utils.files.os_files import has_file, read_json

WEEKDAYS, DAYS = 260, 365  # a year, as the sizing rule of the runbook has it
LOOKED_AT = 20  # the newest manifests
FEW_NIGHTS = 30
BYTES_PER_MB = 1e6


class Forecast(NamedTuple):
    """`night_mb`: what one night of every desk takes (10^6 bytes); `kept`, `most`: runs there are, and stay at most.

    Pinned runs are in neither: no limit counts them.
    """

    night_mb: float
    a_night: int
    kept: int
    most: int
    free_mb: float

    @property
    def weekdays_mb(self) -> float:
        """A year of nights on weekdays, were none removed."""
        return self.night_mb * WEEKDAYS

    @property
    def days_mb(self) -> float:
        """A year of nights on every day, were none removed."""
        return self.night_mb * DAYS

    @property
    def nights_left(self) -> int | None:
        """Nights until the disk is full; None: never, retention stops the growth before."""
        to_come = max(0, self.most - self.kept) / max(1, self.a_night)
        if self.night_mb <= 0 or to_come * self.night_mb < self.free_mb:
            return None
        return int(self.free_mb // self.night_mb)

    def sentence(self) -> str:
        """Both years and what comes first, the full disk or retention."""
        if not self.night_mb:
            return "no night has been kept yet: no forecast"
        years = f"{_size(self.weekdays_mb)} a year on weekdays, {_size(self.days_mb)} every day"
        text = f"{_size(self.night_mb)} a night: {years}"
        left = self.nights_left
        if left is not None:
            return f"{text}; the disk is full in {left} nights"
        return f"{text}; {self.most} runs are kept at most, {_size(self.night_mb / max(1, self.a_night) * self.most)}"


def of_runs(runs_dir: Path, *, free_bytes: int, environ: Mapping[str, str]) -> Forecast:
    """The forecast of a folder of nights; the mean of each desk's newest runs counts, and all desks together.

    `environ` may set KEEP_DAYS (dates, of which each desk has a night) and KEEP_MAX_RUNS: the smaller bound holds.
    """
    finished = finished_runs(runs_dir)
    sizes = _sizes(finished[-LOOKED_AT:])
    night_mb = sum(sum(each) / len(each) for each in sizes.values())
    kept = sum(not has_file(path / PINNED) for path in finished)
    dates, runs = _limit(environ, "KEEP_DAYS", KEEP_DAYS), _limit(environ, "KEEP_MAX_RUNS", KEEP_MAX_RUNS)
    return Forecast(night_mb, len(sizes), kept, min(runs, dates * max(1, len(sizes))), free_bytes / BYTES_PER_MB)


def _limit(environ: Mapping[str, str], name: str, default: int) -> int:
    """A limit as it is set; where that is no number the default: the prune refuses it, a forecast does not."""
    given = environ.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 and int(given) else default


def _sizes(runs: Iterable[Path]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for path in runs:
        try:
            record = read_json(path / MANIFEST)
            size, desk = record.get("size_mb"), str(record.get("desk"))
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(size, int | float) and 0 <= size < 1e9:
            found[desk].append(float(size))
    return found


def _size(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.1f} MB"
