"""What the report verbs have in common: their command line, and how a page is put into the run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyjobs.market.desk.desk_file import Desk, load_desk
from pyjobs.market.desks import desk_path
from pyjobs.reporting.document import Page, markdown
from utils import paths
from utils.cli import Parser
from utils.errors import CannotWriteError, MissingInputError
from utils.files import atomic, os_files


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCall:
    """One call of a report verb. `session` is None when the night could not find one."""

    desk: Desk
    session: str | None
    run_dir: Path


def parsed(argv: Sequence[str] | None, *, verb: str, doc: str | None) -> ReportCall:
    """The call, with the desk loaded. Raises MissingInputError when there is no run folder."""
    parser = Parser(verb=verb, doc=doc)
    parser.add_desk(required=True)
    parser.add_argument("--session", metavar="YYYY-MM-DD", help="the session of the night, when it is known")
    parser.add_argument("--out", required=True, type=Path, metavar="RUNDIR", help="the run folder")
    options = parser.parse_args(argv)
    if not options.out.is_dir():
        raise MissingInputError(f"no run folder at '{options.out}'")
    desk = load_desk(desk_path(options.desk, paths.config_dir()))
    return ReportCall(desk=desk, session=options.session, run_dir=options.out)


def put(call: ReportCall, page: Page) -> Path:
    """Write the page as reports/<name>.md and print its summary."""
    return put_text(call.run_dir / "reports" / f"{page.name}.md", markdown(page, label=call.desk.banner), page.summary)


def put_text(path: Path, text: str, summary: str) -> Path:
    """Write `text`, whole or not at all, making the folder when it is not there. Raises CannotWriteError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(path, text)
    except OSError as error:
        raise CannotWriteError(f"cannot write '{path}': {error.strerror}") from error
    print(f"{path}: {summary}")
    return path


def pictures(run_dir: Path) -> list[str]:
    """The PNG files in the run's reports/ folder."""
    return [path.name for path in os_files.matching(run_dir / "reports", "[!.]*.png")]
