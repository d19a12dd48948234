"""What other users of this machine may do with our files: a table of modes, whatever the umask was.

Whoever may open a file may lock it: so whatever a job locks (locks, the history, what is known of providers, queues) is
for the jobs' user and one group that is trusted ($NIGHTDESK_GROUP; its own when unset).
Only the standard library: the supervisor imports this on every run.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False  # importing typing for the real one costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GROUP = "NIGHTDESK_GROUP"
LOCKS, STATE, YAHOO, QUEUE = ".locks", "data/providers/state", "data/webcache/yf-client", "data/queue"
FOLDER_MODES = {LOCKS: 0o750, STATE: 0o750, YAHOO: 0o700, QUEUE: 0o750}
FILE_MODES = {LOCKS: 0o640, STATE: 0o640, YAHOO: 0o600, QUEUE: 0o640}  # of the files in them
HISTORY_MODE = LOCK_MODE = 0o640
LIVE, FETCH, COMPILING = "data/live/run.pid", "data/server_runs_remote/.lock", "data/cache/native/.compiling"
_ACL_ENTRY, _ACL_USER, _ACL_GROUP = ((0, 2), (2, 4), (4, 8)), 0x02, 0x08  # linux/posix_acl_xattr.h
FILES = {LIVE: LOCK_MODE, FETCH: LOCK_MODE, COMPILING: LOCK_MODE}  # locks in folders that others may read


def make_folder(path: str | os.PathLike[str], mode: int = 0o750) -> None:
    """Make a folder (and those above it, as the umask has it) that has this mode even when it was here before.

    Raises OSError when it cannot be made; that it belongs to another user, who may change its mode, is not one.
    """
    os.makedirs(path, exist_ok=True)
    _set(os.fspath(path), mode)


def restrict(home: str) -> None:
    """Give what is here its mode and group. What belongs to another user is left to `problems`.

    Every job does it, so folders that may lie on a server of their own are not among it: queues, and fetched runs.
    """
    for path, mode in _looked_at(home, (LOCKS, STATE, YAHOO), (LIVE, COMPILING)):
        _set(path, mode)


def problems(home: str) -> list[str]:
    """What others may do that they should not, one line each with the command against it; empty when all is well."""
    found: list[str] = []
    closed: tuple[str, ...] = ()
    trusted = _trusted(home)
    for path, mode in _looked_at(home):
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISLNK(status.st_mode):
            continue
        inside = path.startswith(closed)  # only a trusted group can get there: what else there is harms nobody
        if not inside or status.st_mode & 0o070 & ~mode:
            wrong = _wrong(path, mode, status, trusted)
            found += [wrong] if wrong else []
            closed += (path + os.sep,) if stat.S_ISDIR(status.st_mode) and not wrong else ()
    if os.environ.get(GROUP) and group_id() is None:
        found.append(f"{GROUP}={os.environ[GROUP]}: no such group here")
    return found


def _trusted(home: str) -> set[int]:
    """Root, who asks, and the owner of it all, who may put anything in its place: root may ask about the jobs of that
    one.
    """
    try:
        return {os.getuid(), 0, os.stat(home).st_uid}
    except (AttributeError, OSError):  # no such thing on Windows
        return {0}


def _wrong(path: str, mode: int, status: os.stat_result, trusted: set[int]) -> str:
    """What is wrong with one file or folder, and the command that mends it; empty where nothing is.

    What the owner may do is no matter, nor that a file can be executed: a disk without modes shows all as 700 or 750.
    """
    shown, quoted = stat.S_IMODE(status.st_mode) & 0o777, "'" + path.replace("'", "'\\''") + "'"
    group, named = group_id() if mode & 0o070 else None, _listed(path, shown)
    if shown & (0o077 if stat.S_ISDIR(status.st_mode) else 0o066) & ~mode:
        return f"mode {shown:o}, not {mode:o}: chmod {mode:o} {quoted}"
    if status.st_uid not in trusted:
        return f"of user {status.st_uid}, not of the jobs' user ({os.getuid()}): chown {os.getuid()} {quoted}"
    if group is not None and status.st_gid != group and shown & 0o070:
        return f"of group {status.st_gid}, not {GROUP}: chgrp {group} {quoted}"
    return f"an access list lets {named} in: setfacl -b {quoted}" if named else ""


def _listed(path: str, shown: int) -> str:
    """Whom a POSIX access list lets in, or into what is made there, beyond what the mode shows; empty for nobody.

    What the mode shows of the group is the most that a list with names gives: of 600 or 700 nobody has anything.
    """
    for name in ("system.posix_acl_access", "system.posix_acl_default"):
        try:
            entries = os.getxattr(path, name)[4:]  # behind the version: entries of two, two and four bytes
        except (AttributeError, OSError):
            continue  # there is none, or a system without
        for at in range(0, len(entries), 8):
            tag, allowed, number = (int.from_bytes(entries[at + a : at + b], "little") for a, b in _ACL_ENTRY)
            trusted = (0, os.getuid()) if tag == _ACL_USER else (group_id(),)
            if allowed & shown >> 3 and tag in (_ACL_USER, _ACL_GROUP) and number not in trusted:
                return f"{'user' if tag == _ACL_USER else 'group'} {number}"
    return ""


def sharers(home: str) -> tuple[str, list[str]]:
    """The group of the locks, and who else is in it, where none is named to be trusted; ("", []) else.

    Accounts of the system, which cannot log in, are left out where it is their first group.
    """
    try:
        status = os.lstat(os.path.join(home, LOCKS))
    except OSError:
        return "", []
    if os.environ.get(GROUP) or not hasattr(os, "getuid") or not status.st_mode & 0o050:
        return "", []
    import grp
    import pwd

    mine = (os.getuid(), 0)
    known = {each.pw_name: each for each in pwd.getpwall()}
    found = {name for name, each in known.items() if each.pw_gid == status.st_gid and not _is_systems(each.pw_shell)}
    try:
        group, *_, members = grp.getgrgid(status.st_gid)
    except KeyError:
        group, members = str(status.st_gid), []
    return group, sorted(x for x in found.union(members) if x not in known or known[x].pw_uid not in mine)


def _is_systems(shell: str) -> bool:
    return shell.rpartition("/")[2] in ("nologin", "false", "sync", "shutdown", "halt")


def group_id() -> int | None:
    """The number of the trusted group; None when none is named, or there is no such group."""
    name = os.environ.get(GROUP, "")
    if not name:
        return None
    import grp

    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _looked_at(
    home: str, folders: Iterable[str] = tuple(FOLDER_MODES), files: Iterable[str] = tuple(FILES)
) -> Iterator[tuple[str, int]]:
    """(path, mode) of each of these folders and files that is here, and of the history; links are left out."""
    for name in folders:
        mode = FOLDER_MODES[name]
        folder = os.path.join(home, name)
        yield folder, mode
        try:
            inside = os.listdir(folder)
        except OSError:
            continue
        for each in inside:
            path = os.path.join(folder, each)
            if os.path.isfile(path):
                yield path, FILE_MODES[name]
    for name in files:
        path = os.path.join(home, name)
        if os.path.isfile(path):
            yield path, FILES[name]
    try:
        logs = os.listdir(os.path.join(home, "logs"))
    except OSError:
        return
    for each in logs:
        if each.startswith("history") and each.endswith(".jsonl"):
            yield os.path.join(home, "logs", each), HISTORY_MODE


def _set(path: str, mode: int) -> None:
    """The mode, and for what a group may read the trusted group; not of links, nor of what another user owns."""
    try:
        status = os.lstat(path)
        if not hasattr(os, "geteuid") or stat.S_ISLNK(status.st_mode) or status.st_uid != os.geteuid():
            return
        group = group_id() if mode & 0o070 else None
        if group is not None and status.st_gid != group:
            os.chown(path, -1, group)
        if stat.S_IMODE(status.st_mode) & 0o777 != mode:
            os.chmod(path, mode)
    except OSError:  # gone, or a disk without modes
        return
