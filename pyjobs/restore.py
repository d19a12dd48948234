"""Put a backup back: --into FOLDER (nothing that is there is overwritten), or --list them, or --drill.

A backup is verified byte by byte before a file is written, and its databases are looked at afterwards. SNAPSHOT is one
of --list; default: the newest. Killed, start it again. --drill restores into an empty folder, counts rows, runs a night
on it without the network, and removes it again; health shows when that was, and how it went.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.machines import backup_record, drill, restoring, vaults
from pyjobs.machines.vaults import Vault
from pyjobs.runs.verdict.backups import DRILL
from utils import clock, paths
from utils.cli import Parser
from utils.errors import BadDataError, UsageError
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """List, restore, or drill."""
    parser = Parser(verb="restore", doc=__doc__)
    parser.add_argument("snapshot", nargs="?", default="", metavar="SNAPSHOT", help="default: the newest")
    parser.add_argument(
        "--from", dest="source", default=None, metavar="WHERE", help="default: $BACKUP_TO, else data/backups"
    )
    parser.add_argument("--into", type=Path, default=None, metavar="FOLDER", help="the home that is restored")
    parser.add_argument("--list", action="store_true", help="the backups there are, oldest first")
    parser.add_argument("--drill", action="store_true", help="try it, and print whether it would work")
    options = parser.parse_args(argv)
    if [options.into is not None, options.list, options.drill].count(True) != 1:
        raise UsageError("one of --into FOLDER, --list and --drill")
    where = options.source if options.source is not None else os.environ.get("BACKUP_TO", "")
    vault = vaults.vault_of(where, os.environ, paths.data_dir() / "backups")
    if options.list:
        print("\n".join(vaults.listed(vault)) or f"no backup in '{vault.name}'")
        return 0
    if options.drill:
        return _drill(vault, options.snapshot)
    with drill.empty_folder(options.into) as carried:
        snapshot = vaults.fetch(vault, options.snapshot, carried)
        count = restoring.restore(snapshot, options.into)
    print(f"{count} files restored into '{options.into}', databases whole; keys (secret/, .env) are in no backup")
    return 0


def _drill(vault: Vault, name: str) -> int:
    with drill.empty_folder(paths.data_dir()) as folder:
        snapshot = vaults.fetch(vault, name, folder / "carried")
        found = drill.drill(snapshot, paths.root(), folder / "home", paths.ROOT)
    record = {"at_s": clock.now_s(), "from": vault.name, "ok": found.ok, "detail": found.detail}
    backup_record.note(paths.data_dir(), DRILL, record)
    if not found.ok:
        raise BadDataError(f"the drill failed: {found.detail}")
    print(f"the drill went well: {found.detail}")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
