"""Send bars to another machine: those partitions that it has not, as they are now, with a manifest that comes last.

data/outgoing/<ID>/raw/…   hard links to the partitions, so that none changes on its way; ID is the manifest's own hash
data/incoming/<ID>/        the same over there, until take_data has added it; a push that is killed goes on here
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

from pyjobs.machines.remote import Host, error_text
from pyjobs.runs import sealed
from pyjobs.runs.run_folder import MANIFEST
from utils.errors import MissingInputError
from utils.files import formats
from utils.files.atomic import write_text
from utils.files.os_files import has_file, matching

LIST_TIMEOUT_S, TAKE_TIMEOUT_S = 600.0, 3600.0
THERE = """
cd -- {root} || exit 66
python=.venv/bin/python
[ -x "$python" ] || python=${{PYTHONBIN:-python3}}
mkdir -p data/incoming || exit 73
NIGHTDESK_HOME="${{NIGHTDESK_HOME:-$PWD}}" PYTHONUTF8=1
export NIGHTDESK_HOME PYTHONUTF8
exec "$python" -m pyjobs.take_data {flags}
"""


class Target(NamedTuple):
    """The other machine, and its clone's folder there."""

    host: Host
    root: str


def listed(target: Target) -> dict[str, str]:
    """The sha256 of each partition over there, by name. Raises ExternalDataUnavailable, MissingInputError."""
    script = THERE.format(root=shlex.quote(target.root), flags="--list")
    done = target.host.run(script, timeout_s=LIST_TIMEOUT_S)
    if done.returncode:
        raise MissingInputError(
            f"'{target.host.remote}' does not report which bars it has in '{target.root}' ({error_text(done)}): "
            "TARGET=user@host:/path/to/nightdesk, a clone of this version with its .venv"
        )
    lines = (line.partition(" ") for line in done.stdout.decode("utf-8", "replace").splitlines())
    return {name: sha256 for sha256, _, name in lines}


def lacking(
    raw: Path, there: dict[str, str], exchange: str, unread: list[str] | None = None
) -> dict[str, dict[str, object]]:
    """The manifest's entry of each partition here (of one exchange, or all) that is missing or another over there.

    One that cannot be read is added to `unread`, when given, with the reason.
    """
    found = {}
    for path in matching(raw, f"{exchange or '*'}/*/*/*.parquet"):
        if has_file(path) and not path.is_symlink():
            try:
                about = sealed.fingerprint(path)
            except OSError as error:
                if unread is not None:
                    unread.append(f"'{path}' cannot be read: {error.strerror}")
                continue
            if there.get(name := path.relative_to(raw).as_posix()) != about["sha256"]:
                found[name] = about
    return found


def packed(raw: Path, outgoing: Path, files: dict[str, dict[str, object]]) -> Path:
    """The folder to send, with the format of what is stored here.

    A file that has changed since it was hashed is found over there, by the manifest.
    """
    content = {f"raw/{name}": about for name, about in files.items()}
    stored = formats.settled(str(raw.parent.parent))
    manifest = json.dumps({"files": content, "format": stored}, sort_keys=True, indent=1)
    push = outgoing / hashlib.sha256(manifest.encode()).hexdigest()[:16]
    shutil.rmtree(outgoing, ignore_errors=True)
    for name in files:
        place = push / "raw" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(raw / name, place)
        except OSError:  # another file system, or one without hard links
            shutil.copy2(raw / name, place)
    write_text(push / MANIFEST, manifest)
    return push


def send(target: Target, push: Path) -> tuple[int, str]:
    """Carry the folder there, its manifest last, and have it taken in; the exit code over there, and what it printed.

    Raises ExternalDataUnavailable when the machine is lost on the way: the next push goes on from there.
    """
    incoming = f"{target.root}/data/incoming"
    for source, place in ((f"{push}/raw", f"{push.name}/"), (f"{push}/{MANIFEST}", f"{push.name}/")):
        done = target.host.rsync(["-rlt", source, f"{target.host.remote}:{place}"], incoming)
        if done.returncode:
            raise target.host.failed(done, incoming)
    script = THERE.format(root=shlex.quote(target.root), flags=f"--push {push.name}")
    done = target.host.run(script, timeout_s=TAKE_TIMEOUT_S)
    return done.returncode, done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
