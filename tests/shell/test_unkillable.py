"""What no signal can end, a process that waits for a file server which has gone away: it is named, its job keeps the
lock, no second run begins beside it; when the server is back, all goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyjobs.runs.verdict.holders import holders, left_behind
from tests.shell.conftest import HANGS_S, ROOT, House, child_of, wait_for

SERVER = str(ROOT / "tests/support/silent_server.py")
STUCK = "import subprocess, sys; open(sys.argv[2], 'w').close(); subprocess.run(['/bin/ls', sys.argv[1]], env={})"


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Path]:
    """A folder to be mounted on; whatever server is left goes, and with it what waits for it."""
    folder = tmp_path / "share"
    folder.mkdir()
    if subprocess.run([sys.executable, SERVER, folder, "stuck", "true"], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here (root and /dev/fuse are needed)")
    yield folder
    for pid in servers(folder):
        os.kill(pid, signal.SIGKILL)


def servers(folder: Path) -> list[int]:
    """Those that serve `folder`: with them its file system ends."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if SERVER.encode() in words and str(folder).encode() in words:
            found.append(int(entry.name))
    return found


def stuck(house: House, folder: Path, *options: str) -> tuple[subprocess.Popen[bytes], int]:
    """A job with a child that nothing can end, in whose eyes `folder` is on a silent server; the keeper's pid."""
    up = house.home / "up"
    chain = house.chain(sys.executable, "-c", STUCK, str(folder / "x"), str(up), options=options)
    stays = ["/bin/sh", "-c", '"$@"; while [ -e "$0" ]; do sleep 0.1; done', str(up)]  # and the server with it
    process = house.start([sys.executable, SERVER, str(folder), "stuck", *stays, *chain])
    wait_for(up)
    time.sleep(0.5)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (shell,) = {int(pid) for pid in children} - set(servers(folder))
    return process, child_of(shell)


def come_back(house: House) -> None:
    """The server is back: a run begins and ends well."""
    (house.home / "up").unlink()
    assert not house.wait_until_gone()
    until = time.monotonic() + HANGS_S
    while house.run(house.chain("true"), LOCK_BUSY_RC="75").returncode != 0:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_what_cannot_be_ended_is_named_once_and_no_longer_when_it_has_ended(house: House) -> None:
    holder, gone = house.home / "holder", 2**22 + 1  # a pid that no machine gives
    script = f'. "{ROOT}/jobs/lib.sh"; . "$ROOT/jobs/busy.sh"; HOLDER=$1; stuck'
    for pid, said in ((os.getpid(), 1), (gone, 0)):
        lines = [f"stuck\t{at}\t{gone} (/bin/ls -n x), {pid} (/bin/cat x)\n" for at in (0, 60)]
        holder.write_text("1\t2\tjob\n" + "".join(lines))
        done = house.run(["bash", "-c", script, "job.sh", str(holder)], NIGHTDESK_ENTERED=str(ROOT))
        assert (done.returncode, done.stdout.count(b"that run is over, but since 1970-01-01 00:00:00 UTC")) == (0, said)
        assert done.stdout.count(b"no signal ends") == said, done


@pytest.mark.torture
def test_a_time_out_names_what_cannot_be_ended_and_keeps_the_lock_until_it_has(house: House, silent: Path) -> None:
    process, _ = stuck(house, silent, "--timeout", "1")
    until = time.monotonic() + HANGS_S
    while "these processes cannot be ended, the lock is kept until they have:" not in house.log():
        assert time.monotonic() < until
        time.sleep(0.2)
    assert "(/bin/ls " in house.log().rpartition("cannot be ended")[2]
    began = time.monotonic()
    busy = house.run(house.chain("true"), LOCK_BUSY_RC="75")
    assert busy.returncode == 75 and b"busy: 'job' is held by pid" in busy.stderr
    assert b"that run is over, but since " in busy.stderr and b"UTC no signal ends " in busy.stderr
    (held,) = holders(house.home / ".locks", time.time())
    assert "(/bin/ls " in held.stuck and 0 <= time.time() - held.stuck_s < HANGS_S
    assert time.monotonic() - began < 20 and process.poll() is None
    for pid in servers(silent):
        if pid != process.pid:
            os.kill(pid, signal.SIGKILL)
    come_back(house)
    assert [each["code"] for each in house.history()].count(124) == 1


@pytest.mark.torture
def test_both_supervisors_killed_beside_what_cannot_be_ended_nothing_starts_and_it_is_named(
    house: House, silent: Path
) -> None:
    process, keeper = stuck(house, silent)
    worker = child_of(keeper)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (keeper, worker):
            os.kill(pid, number)
    while any(Path(f"/proc/{pid}/exe").exists() for pid in (keeper, worker)):
        time.sleep(0.02)  # a process that has been killed dies a moment later
    for _ in range(2):
        began = time.monotonic()
        done = house.run(house.chain("true"), LOCK_BUSY_RC="75")
        assert done.returncode == 75 and time.monotonic() - began < 60
        assert b"left processes: " in done.stderr and b"(/bin/ls " in done.stderr
        assert b"what is left of the last run cannot be ended; not starting" in done.stderr
        (kept,) = holders(house.home / ".locks", time.time())  # nobody has the lock file open
        assert "(/bin/ls " in kept.stuck and not left_behind(house.home / ".locks")
    for pid in servers(silent):
        if pid != process.pid:
            os.kill(pid, signal.SIGKILL)
    come_back(house)
