"""A file server that has gone away.

`python tests/support/silent_server.py DIR HOW COMMAND…` runs COMMAND in a mount namespace of its own, where whoever
looks at anything below DIR waits for ever.

HOW `asleep`: a signal that kills still ends the wait, as of a process on NFS. `stuck`: nothing does; such a process
cannot be ended until the server is. It ends together with COMMAND; without /dev/fuse or the right to mount, code 77.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import subprocess
import sys
import time

CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV = 0x00020000, 16384, 1 << 18, 2, 4
INIT, GETATTR, OPEN_DIR = 26, 3, 27
CANNOT = 77


def mounted(folder: str) -> int:
    """The descriptor of a file system without a word to say, mounted on `folder` for this process and its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    steps = (
        lambda: libc.unshare(CLONE_NEWNS),
        lambda: libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
        lambda: libc.mount(b"silent", os.fsencode(folder), b"fuse", MS_NOSUID | MS_NODEV, options),
    )
    if any(step() for step in steps):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fuse


def greet(fuse: int) -> None:
    """Answer the kernel's first question, as protocol 7.31 has it (linux/fuse.h: fuse_init_out)."""
    asked = os.read(fuse, 1 << 17)
    _, opcode, unique = struct.unpack_from("<IIQ", asked)
    assert opcode == INIT
    told = struct.pack("<IIIIHHIIHHI7I", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, 0, *[0] * 7)
    os.write(fuse, struct.pack("<IiQ", 16 + len(told), 0, unique) + told)


def serve(fuse: int, *, stuck: bool) -> None:
    """Take every question and answer none; asleep: not even take it, so that who asks can still be killed."""
    greet(fuse)
    while stuck:
        os.read(fuse, 1 << 17)
    time.sleep(3600)


def main(folder: str, how: str, command: list[str]) -> int:
    """Mount, run, end."""
    try:
        fuse = mounted(folder)
    except OSError as error:
        sys.stderr.write(f"cannot mount: {error}\n")
        return CANNOT
    server = os.fork()
    if server == 0:
        serve(fuse, stuck=how == "stuck")
    os.close(fuse)  # the server has it alone: with it the file system ends
    try:
        return subprocess.call(command, env={**os.environ, "SILENT_SERVER": str(server)})
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
