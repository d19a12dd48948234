"""What this machine has: tools and their versions, SQLite and its WAL-reset bug, modes of secrets and locks, room.

For a machine on which nothing may run yet: it needs no package, no desk, no data and no configuration. Exit 3 on FAIL.
Safe at any time; it changes nothing. What runs, and how it went, is the business of healthcheck.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyjobs.runs.verdict import findings, machine, places
from pyjobs.runs.verdict.findings import Asked
from utils import paths
from utils.cli import Parser
from utils.files import private
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Look at the machine, print each finding, and exit by the worst."""
    Parser(verb="doctor", doc=__doc__).parse_args(argv)
    root, data = paths.root(), paths.data_dir()
    checks = [
        places.git_head(paths.ROOT),
        places.check_python(paths.ROOT, root),
        *machine.check_tools(),
        *machine.check_stored(paths.ROOT, root),
        places.check_private(private.problems(str(root))),
        *places.writable([paths.logs_dir(), data, paths.locks_dir()], root, Asked()),
        places.check_disk([paths.logs_dir(), data, root]),
    ]
    print("\n".join([*findings.as_lines(checks), f"doctor: {findings.worst(checks)}"]))
    return findings.exit_code(checks)


if __name__ == "__main__":
    sys.exit(run(main))
