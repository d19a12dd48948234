"""Back up what cannot be made again: databases, configuration, decisions, trades, the queue, backtests, pinned runs.

A snapshot is a folder with the files under their own paths and a manifest of every byte; unchanged files are hard links
to the one before. BACKUP_TO (or --to): a /folder, user@host:/folder over ssh, or restic:REPOSITORY. No secret is in
it. Exit 65: a database is damaged and was left out; 69: the other machine cannot be had (the snapshot here is kept).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from pyjobs.machines import backup_record, snapshot, vaults
from pyjobs.machines.vaults import Vault
from pyjobs.runs import prune, retention, sealed
from pyjobs.runs.retention import Decision, Entry
from pyjobs.runs.verdict.backups import BACKUP
from utils import clock, paths
from utils.cli import Parser
from utils.errors import BadDataError
from utils.files import newest
from utils.run import run

KEEP_BACKUPS = 30


def main(argv: Sequence[str] | None = None) -> int:
    """Take a snapshot, carry it where backups are kept, note it, and let old ones go."""
    parser = Parser(verb="backup", doc=__doc__)
    parser.add_argument("--to", default=None, metavar="WHERE", help="default: $BACKUP_TO, else data/backups")
    options = parser.parse_args(argv)
    keep = prune.limit("KEEP_BACKUPS", None, KEEP_BACKUPS)
    local = paths.data_dir() / "backups"
    where = options.to if options.to is not None else os.environ.get("BACKUP_TO", "")
    vault = vaults.vault_of(where, os.environ, local)
    now = datetime.fromtimestamp(clock.now_s(), UTC)
    made = snapshot.make(paths.root(), vault.folder, now=now, clone=paths.ROOT)
    record = sealed.read(made)
    there = vaults.send(vault, made)
    problems = record.get("problems")
    bad = [str(each) for each in problems] if isinstance(problems, list) else []
    files = record["files"]
    count = len(files) if isinstance(files, dict) else 0
    print(f"{made.name}: {count} files, {record['size_mb']} MB, in '{vault.name}'")
    if vault.folder == local and not vault.host and not vault.repository:
        print("[WARN] it lies on the disk of what it is a backup of: BACKUP_TO=/other/disk or user@host:/folder")
    noted = {"at_s": now.timestamp(), "snapshot": made.name, "to": vault.name, "size_mb": record["size_mb"]}
    backup_record.note(paths.data_dir(), BACKUP, {**noted, "problems": bad})
    _prune(vault, keep, there)
    if bad:
        raise BadDataError(f"backed up without {len(bad)}: {bad[0]}")
    return 0


def _prune(vault: Vault, keep: int, there: Sequence[str]) -> None:
    """By the one retention module: of so many dates the backups stay, and never the newest good one.

    Where more than PRUNE_MAX_SHARE percent would go at once, none does, and a line reports that.
    """
    for each, wrong in prune.remove_each(vault.folder, _going(prune.look(vault.folder), keep, str(vault.folder))):
        if wrong != "":
            print(f"[WARN] cannot be removed: {wrong}" if wrong else f"{each.entry.name}: removed: {each.reason}")
    entries = [Entry(name=name, kind="run", run_id=name, status="ok") for name in there]
    vaults.remove(vault, [each.entry.name for each in _going(entries, keep, vault.name)])


def _going(entries: Sequence[Entry], keep: int, where: str) -> list[Decision]:
    share = prune.limit("PRUNE_MAX_SHARE", None, retention.MAX_SHARE)
    decided = retention.decide(entries, keep_days=keep, keep_max_runs=sys.maxsize)
    going = [each for each in decided if each.action == "remove"]
    backups = [each for each in going if each.entry.kind == "run"]
    of = sum(each.entry.kind == "run" for each in decided)
    if newest.too_many(len(backups), of, share):
        print(f"[WARN] {len(backups)} of {of} backups in '{where}' are old, more than {share} %: none removed", end=" ")
        print("(when that is right: PRUNE_MAX_SHARE=100)")
        return [each for each in going if each.entry.kind != "run"]
    return going


if __name__ == "__main__":
    sys.exit(run(main))
