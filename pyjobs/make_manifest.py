"""Write a run folder's manifest.json (every file's sha256, what the run came from), or check one with --verify."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyjobs.market.desk.desk_file import Desk, load_desk
from pyjobs.market.store.open_store import open_store
from pyjobs.runs import manifest, run_folder, witness
from pyjobs.runs.nights import steps
from pyjobs.runs.run_folder import BUILDING, started_at
from utils import clock, paths
from utils.cli import Parser
from utils.errors import BadDataError, MissingInputError, UsageError
from utils.files import os_files
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Build the manifest of --out and write it last, or compare the folder with the manifest it has."""
    parser = Parser(verb="make_manifest", doc=__doc__)
    parser.add_argument("--out", required=True, type=Path, metavar="RUNDIR", help="the run folder")
    parser.add_desk(default="none, and needed unless --verify")
    parser.add_argument(
        "--verify", action="store_true", help="compare the folder with its manifest; differences exit 65"
    )
    options = parser.parse_args(argv)
    run_dir: Path = os_files.real(options.out)
    if not run_dir.is_dir():
        raise MissingInputError(f"no run folder at '{options.out}'")
    if options.verify:
        return _verify(run_dir)
    if options.desk is None:
        raise UsageError("--desk FILE is needed to write a manifest")
    run_folder.sweep_all(run_dir)
    content = manifest.build(run_dir, _about(run_dir, Path(options.desk), load_desk(Path(options.desk))))
    manifest.write(run_dir, content)
    files = content["files"]
    count = len(files) if isinstance(files, dict) else 0
    print(f"{content['run_id']}: {content['status']}, {count} files, {content['size_mb']} MB")
    return 0


def _verify(run_dir: Path) -> int:
    problems = manifest.verify(run_dir)
    for problem in problems:
        print(problem)
    if problems:
        raise BadDataError(f"'{run_dir.name}' differs from its manifest: {len(problems)} differences")
    print(f"{run_dir.name}: every file is as in its manifest")
    return 0


def _about(run_dir: Path, desk_file: Path, desk: Desk) -> manifest.About:
    """The night's entries of logs/steps.json, and the provenance of its inputs. No steps file: partial."""
    try:
        record = steps.read_steps(run_dir)
    except (OSError, ValueError):
        record = {}
    run_id = run_dir.name.removeprefix(BUILDING)
    outcomes = [step["outcome"] for step in record.get("steps", [])]
    now = datetime.fromtimestamp(clock.now_s(), UTC)
    return manifest.About(
        run_id=run_id,
        desk=desk.name,
        session=record.get("session"),
        status=manifest.status_of(run_dir, outcomes),
        started=started_at(run_id) or now,
        finished=now,
        steps=record.get("steps", []),
        inputs=_inputs(run_dir, desk_file, desk),
    )


def _inputs(run_dir: Path, desk_file: Path, desk: Desk) -> dict[str, object]:
    """As the steps noted them when they began, and as they are now: where the two differ the run is mixed."""
    taken = witness.read(run_dir)
    seen = witness.Witness(
        run_dir=run_dir,
        clone=paths.ROOT,
        desk_file=desk_file,
        config_dir=paths.config_dir(),
        series=[each.key for each in desk.instruments],
        store=open_store(),
        lists=desk.lists,
        taken=taken,
        marks=witness.marks_of(taken),
    )
    seen.note("make_manifest")
    return witness.inputs_of(seen.taken)


if __name__ == "__main__":
    sys.exit(run(main))
