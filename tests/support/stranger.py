"""Another user of the box, who locks whatever he can.

`python tests/support/stranger.py DIR`, started by root, becomes nobody and opens every file and folder below
DIR, again and again; what opens he locks (flock, fcntl for reading) and keeps. His
stdin's end ends him; he says then, as JSON, what he has got.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65534
EVERY_S = 0.03


def become_nobody(folder: str) -> None:
    """In `folder`, which may lie where nobody else comes: it is entered before."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.chdir(folder)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def take(path: str, kept: dict[tuple[int, int], str]) -> None:
    """Open, lock and keep it; each file once."""
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        state = os.fstat(fd)
        if (state.st_dev, state.st_ino) in kept:
            os.close(fd)
            return
        kept[state.st_dev, state.st_ino] = path
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(OSError):
            fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


def main(folder: str) -> None:
    """Until stdin ends."""
    become_nobody(folder)
    kept: dict[tuple[int, int], str] = {}
    first = True
    while first or not select.select([0], [], [], EVERY_S)[0]:
        for at, folders, names in os.walk("."):
            for name in (*folders, *names):
                take(os.path.join(at, name), kept)  # noqa: PTH118
        if first:
            print("looked at everything", flush=True)
        first = False
    print(json.dumps(sorted(path.removeprefix("./") for path in kept.values())))


@contextlib.contextmanager
def stranger(home: Path) -> Iterator[list[str]]:
    """One at work below `home` during the block; after it, what he has locked, by its path below `home`. Needs root."""
    argv = [sys.executable, __file__, str(home)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline().startswith("looked")
        got: list[str] = []
        try:
            yield got
        finally:
            process.stdin.close()
            told = process.stdout.read()
        got += json.loads(told)


if __name__ == "__main__":
    main(sys.argv[1])
