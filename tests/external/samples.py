"""Reads the corpus: real outputs of failed programs, one file per family, each with what the judge has to say.

A sample is `%%%% name`, header lines, `---`, then the last lines of what was printed. `expect` is `bug`, `external
KIND|KIND…` (any of these kinds is right) or `unclear`: the text fits a provider's failure and one of ours alike, so the
judge has to call it ours. `set` is how honest the sample is as a check: the rules were written with `train` in sight;
`held-out`, `second` and `third` were judged before they were looked at.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One failed program."""

    name: str
    family: str
    set: str
    expect: str
    kinds: tuple[str, ...]
    exit_code: int
    output: bytes


@functools.cache
def samples() -> tuple[Sample, ...]:
    """Every sample of every family."""
    return tuple(sample for file in sorted(FOLDER.glob("*.txt")) for sample in _samples_of(file))


def _samples_of(file: Path) -> list[Sample]:
    return [_sample(part, file.stem) for part in re.split(rb"(?m)^%%%% ", file.read_bytes())[1:]]


def _sample(part: bytes, family: str) -> Sample:
    head, _, output = part.partition(b"\n---\n")
    name, *headers = head.decode().splitlines()
    fields = dict(header.removeprefix("# ").split(": ", 1) for header in headers)
    expect, _, kinds = fields["expect"].partition(" ")
    return Sample(
        name=name,
        family=family,
        set=fields["set"],
        expect=expect,
        kinds=tuple(kinds.split("|")) if kinds else (),
        exit_code=int(fields["exit"]),
        output=output,
    )
