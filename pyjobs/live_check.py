"""Check every paper loop to its first line, and show whether money may follow: a table of green and red.

For each loop of live.yaml (or --instance NAME) each line is verified, the journal folded again, its whole window
backtested and compared, a restart rehearsed on a copy. Writes data/live/checks/ and data/live/golive.html. Exit 65 when
a loop does not decide as its backtest does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils import clock, paths
from utils.cli import Parser
from utils.errors import NightdeskError, UsageError
from utils.exit_codes import ExitCode
from utils.files import atomic
from utils.run import run

if TYPE_CHECKING:
    from pyjobs.live.golive.table import GoLive


def main(argv: Sequence[str] | None = None) -> int:
    """Check, look at the gates, write the page; the table on stdout, or JSON alone."""
    parser = Parser(verb="live_check", doc=__doc__)
    parser.add_argument("--instance", metavar="NAME", help="only this loop of live.yaml")
    parser.add_argument("--json", choices=("0", "1"), default="0", help="1: JSON alone on stdout")
    args = parser.parse_args(argv)

    from pyjobs.live import config
    from pyjobs.live.golive import check, gates, table

    found, now_s = config.load(), clock.now_s()
    if args.instance and args.instance not in found.loops:
        raise UsageError(f"--instance {args.instance}: {config.path_of()} has no such loop")
    failed, errors = [], list[Exception]()
    for name in [args.instance] if args.instance else found.loops:
        try:
            done = check.check(config.named(found, name), now_s)
        except Exception as error:  # noqa: BLE001  # what is wrong with one loop is no matter of the others
            errors.append(error)
            continue
        if done.failed:
            failed.append((name, done))
    standing = gates.look(clock.now_s())
    _write_page(standing)
    if args.json == "1":
        print(json.dumps(table.as_json(standing), ensure_ascii=False, indent=1))
    else:
        print("\n".join(table.as_lines(standing)) or "there is no loop in live.yaml")
        for name, done in failed:
            print("\n".join([f"{name}:", *done.lines, *([f"restart drill: {done.drill}"] if done.drill else [])]))
    unforeseen = [error for error in errors if not isinstance(error, NightdeskError)]
    if unforeseen or (errors and not failed):
        raise [*unforeseen, *errors][0]
    return ExitCode.BAD_DATA if failed else ExitCode.OK


def _write_page(standing: GoLive) -> None:
    """data/live/golive.html: the table and the strips, on a page of their own."""
    from pyjobs.reporting import html
    from pyjobs.reporting.pages.loops import loops_page

    page = loops_page(standing)
    folder = paths.data_dir() / "live"
    folder.mkdir(parents=True, exist_ok=True)
    text = html.render(title=page.title, label="", cards=[], pages=[page], files=[])
    atomic.write_text(folder / "golive.html", text)


if __name__ == "__main__":
    sys.exit(run(main))
