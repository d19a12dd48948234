"""Reads the corpus: real outputs of failed programs, each with its source and what the judge has to say.

A sample is `%%%% name`, header lines, `---`, then the last lines of what was printed. `made` is its source: the fault
that a server on loopback showed to the real client, or a run as the command stands. `expect` is `bug`,
`external KIND|KIND…` (any of these kinds is right) or `unclear`: the text fits a provider's failure and one of ours
alike, so the judge has to call it ours.

`set` is how honest the sample is as a check. `seen`: the rules were written with it in sight. `unseen`: the programs
were written, and their verdicts fixed, before a rule was tried on them, and no rule is to be written from them: who
changes the rules reads the numbers of this set, not its texts.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "corpus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One failed program."""

    name: str
    set: str
    made: str
    expect: str
    kinds: tuple[str, ...]
    exit_code: int
    output: bytes


@functools.cache
def samples() -> tuple[Sample, ...]:
    """Every sample of every file."""
    parts = (part for file in sorted(FOLDER.glob("*.txt")) for part in re.split(rb"(?m)^%%%% ", file.read_bytes())[1:])
    return tuple(map(_sample, parts))


def _sample(part: bytes) -> Sample:
    head, _, output = part.partition(b"\n---\n")
    name, *headers = head.decode().splitlines()
    fields = dict(header.removeprefix("# ").split(": ", 1) for header in headers)
    expect, _, kinds = fields["expect"].partition(" ")
    return Sample(
        name=name,
        set=fields["set"],
        made=f"{fields['command']} ({fields['made']})",
        expect=expect,
        kinds=tuple(kinds.split("|")) if kinds else (),
        exit_code=int(fields["exit"]),
        output=output,
    )
