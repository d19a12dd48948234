"""Send bars that this machine (a PC with a faster line, or a key of its own) has fetched to the server.

TARGET (user@host:/path/to/nightdesk) is the machine; SSH_PORT and SSH_COMMAND are the way. Only partitions that differ
travel; over there they are verified and added (take_data): no bar of the server's is changed or removed. Killed at any
moment, the next push goes on. Exit 69: the server cannot be had; 65: a series was refused there, the others are in.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence

from pyjobs.machines import pushing
from pyjobs.machines.pushing import Target
from pyjobs.machines.remote import host_of, no_questions
from utils import paths
from utils.cli import Parser
from utils.errors import BadDataError, MissingInputError, UsageError
from utils.exit_codes import ExitCode
from utils.files import os_files
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """List what is there, pack what is not, send it, print the result."""
    parser = Parser(verb="push_data", doc=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent; write nothing")
    parser.add_argument("--exchange", default="", metavar="NAME", help="only series of this exchange")
    args = parser.parse_args(argv)
    no_questions()
    target = _target(os.environ.get("TARGET", ""))
    raw, outgoing = paths.bars_dir(), paths.data_dir() / "outgoing"
    os_files.must_answer(raw)
    if not any(raw.glob(f"{args.exchange or '*'}/*/*/*.parquet")):
        raise MissingInputError(f"no bars{' of ' + args.exchange if args.exchange else ''} in '{raw}': nothing to send")
    unread: list[str] = []
    files = pushing.lacking(raw, pushing.listed(target), args.exchange, unread)
    megabytes = sum(int(str(each["bytes"])) for each in files.values()) / 1e6
    print(f"{len(files)} partitions to send, {megabytes:.2f} MB", flush=True)
    if args.dry_run or not files:
        return _told(unread)
    push = pushing.packed(raw, outgoing, files)
    code, found = pushing.send(target, push)
    print(found, end="")
    shutil.rmtree(outgoing, ignore_errors=True)
    if code:
        raise BadDataError(f"{target.host.remote}: take_data ended with {code}; see above")
    return _told(unread)


def _told(unread: Sequence[str]) -> ExitCode:
    """Raises BadDataError where partitions could not be read here: the others are over there by now."""
    if unread:
        raise BadDataError(f"{len(unread)} not pushed: {'; '.join(unread[:3])}")
    return ExitCode.OK


def _target(text: str) -> Target:
    """`user@host:/path`, or a path from the home folder there. Raises UsageError."""
    named = re.fullmatch(r"([^:\[]*(?:\[[^\]]*\])?):(?:~/)?([^\r\n]+)", text)
    if named is None or not named[1]:
        raise UsageError("where to? TARGET=user@host:/path/to/nightdesk batch/push_data.sh")
    return Target(host_of(named[1], os.environ), named[2].rstrip("/") or "/")


if __name__ == "__main__":
    sys.exit(run(main))
