"""Put tonight's signals into the desk's queue, each once, and a snapshot of the queue into the run folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.desks import desk_path
from pyjobs.runs.manifest import utc_text
from pyjobs.runs.nights import signal_queue
from pyjobs.runs.run_folder import BUILDING
from pyjobs.runs.verdict.findings import many
from utils import clock, paths, trading_day
from utils.cli import Parser
from utils.files import os_files
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Read scan.json, fill the queue, write queue/signals.sqlite and queue/signals.csv."""
    parser = Parser(verb="queue_signals", doc=__doc__)
    parser.add_desk(required=True)
    parser.add_argument("--session", required=True, metavar="YYYY-MM-DD", help="the night's session")
    parser.add_argument("--out", required=True, type=Path, metavar="RUNDIR", help="the run folder")
    options = parser.parse_args(argv)
    desk = load_desk(desk_path(options.desk, paths.config_dir()))
    signals = signal_queue.read_signals(options.out / "reports" / "scan.json")
    path = signal_queue.queue_path(paths.data_dir(), desk.name)
    run_id = os_files.real(options.out).name.removeprefix(BUILDING)
    with signal_queue.opened(path) as queue:
        queued_utc = utc_text(datetime.fromtimestamp(clock.now_s(), UTC))
        today = str(trading_day.load(desk.market).local_date(clock.now_s()))
        night = {"session": options.session, "run_id": run_id, "queued_utc": queued_utc, "today": today}
        filled = signal_queue.fill(queue, signals, **night)
        signal_queue.snapshot(queue, options.out / "queue")
    text = f"{filled.added} new to the queue, {filled.expired} older ones expired"
    print(f"{many(filled.offered, 'signal')} of {options.session}: {text}")
    print(f"{filled.in_queue} in '{path}'")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
