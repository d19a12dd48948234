"""Bring what is stored to the format that this version reads: after an update it comes by itself, before the first job.

A backup is taken first. Killed at any moment, it goes on where it was, and until it is through no job reads anything.
Safe to run twice: then nothing is left to do. Exit 65: a file that cannot be migrated, by name; 75: jobs are at work;
78: what is stored is of a newer version.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from pyjobs.machines import migrating
from utils import clock, paths
from utils.cli import Parser
from utils.files import formats
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Migrate what is left to migrate."""
    Parser(verb="migrate", doc=__doc__).parse_args(argv)
    with migrating.alone(paths.ROOT):
        changed = migrating.migrate(
            paths.ROOT,
            paths.root(),
            lambda text: print(text, flush=True),
            now=datetime.fromtimestamp(clock.now_s(), UTC),
        )
    if not changed:
        print(f"what is stored has format {formats.settled(str(paths.root()))}: nothing to migrate")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
