"""A whole night in one run folder: every step its own process with its own log, published when its manifest is there.

Exit code: 0 when every step ended well; else that of the first failed step, but 69 (external) or 2 (stale) only when
every failure was one of those two. 143 when a signal stopped it. A failed step does not stop the steps that can do
without it; the run is then published as `partial`. A night without a manifest, because it cannot be made, stays
`.building-…` and is never a run.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import cast

from pyjobs.account.desk.desk_setups import check_setups
from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.desk_file import Desk, load_desk
from pyjobs.market.desks import called, desk_path, reports_of
from pyjobs.market.exchanges import load_exchanges
from pyjobs.market.store.open_store import open_store
from pyjobs.market.universe.looking.board_looks import has_boards
from pyjobs.reporting import nights
from pyjobs.reporting.fetches.bring_up_to_date import mark_published
from pyjobs.runs import manifest, run_folder
from pyjobs.runs.nights import session, step_process
from pyjobs.runs.nights.night import STEP_LIMIT_S, Night, line, result_of
from pyjobs.runs.nights.steps import Step, StepResult, night_code, steps_of
from pyjobs.runs.run_folder import Building
from pyjobs.runs.verdict import repos as pinned_repos
from pyjobs.runs.witness import Witness
from utils import clock, paths, trading_day
from utils.alarm import seconds_of
from utils.cli import Parser
from utils.errors import (
    EXTERNAL_KINDS,
    CannotWriteError,
    ExternalDataUnavailable,
    ExternalKind,
    NightdeskError,
)
from utils.exit_codes import ExitCode
from utils.files import os_files
from utils.run import run
from utils.settings import config


class _Signalled(BaseException):
    """A signal to stop came. Not an Exception, so that nothing between swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(argv: Sequence[str] | None = None) -> int:
    """Run the night; see the module's docstring for the exit code."""
    options = _parser().parse_args(argv)
    desk_file = os_files.real(desk_path(options.desk, paths.config_dir()))
    desk = load_desk(desk_file)
    check_setups(desk.setups, source=str(desk_file))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        return _night(desk, desk_file, session=options.session, dumps=options.dumps, pool=options.jobs)
    except _Signalled as signalled:
        name = signal.Signals(signalled.number).name
        print(
            f"[stop] stopped by {name}: the steps were ended; a run that was not published yet stays unfinished",
            flush=True,
        )
        return 128 + signalled.number


def _parser() -> Parser:
    parser = Parser(verb="nightly", doc=__doc__)
    parser.add_desk()
    parser.add_argument(
        "--session", default="auto", metavar="YYYY-MM-DD|auto", help="default: auto, by the desk's rule"
    )
    parser.add_argument(
        "--dumps", metavar="DIR", help="where the desk's dumps are, instead of the desk file's own folder"
    )
    parser.add_argument("--jobs", type=int, choices=range(1, 9), default=2, help="steps at a time (default 2)")
    return parser


def _night(desk: Desk, desk_file: Path, *, session: str, dumps: str | None, pool: int) -> int:
    began = time.monotonic()
    building, night = _begin(desk, desk_file, asked=session, dumps=dumps, pool=pool)
    try:
        results = night.run()
        sealed = _after(desk, desk_file, "make_manifest", "--desk", str(desk_file), "--out", str(building.path))
        if sealed.outcome != "ok":
            print(f"[FAIL] no manifest: the run stays '{building.path}'", flush=True)
            return night_code([*results, sealed])
        final = run_folder.publish(building)
        mark_published(final, desk)
    except OSError as error:
        raise CannotWriteError(
            f"'{error.filename or building.path}': {error.strerror}: the run stays unfinished; "
            "look at free space and rights (df -h, batch/run_prune.sh --dry-run)"
        ) from error
    pruned = _after(desk, desk_file, "prune_runs")
    _list_nights(final, desk_file)
    _summary(final, results, seconds=time.monotonic() - began)
    exchanges = load_exchanges(config.own_or_default("exchanges.yaml"))
    looks = has_boards(desk, exchanges)  # last: nothing of the night needs it
    looked = [_after(desk, desk_file, "look_again")] if looks else []
    everything = [*results, pruned, *looked]
    code = night_code(everything)
    if code == ExitCode.EXTERNAL:
        raise _external(everything, night.outcomes)
    return code


def _begin(desk: Desk, desk_file: Path, *, asked: str, dumps: str | None, pool: int) -> tuple[Building, Night]:
    """The run folder, and the night that will fill it."""
    now = datetime.fromtimestamp(clock.now_s(), UTC)
    for wrong in pinned_repos.warnings(paths.root()):
        _say(f"[WARN] {wrong}")
    known = session.at_start(desk, asked=asked, now_s=now.timestamp())
    building = run_folder.begin(paths.data_dir() / "server_runs", run_folder.new_run_id(now))
    _say(f"night {building.run_id} of desk '{desk.name}' ({desk_file.name}), session {known or 'of the newest bar'}")
    seen = Witness(
        run_dir=building.path,
        clone=paths.ROOT,
        desk_file=desk_file,
        config_dir=paths.config_dir(),
        series=[each.key for each in desk.instruments],
        store=open_store(),
        lists=desk.lists,
        completed=(lambda: _completed(desk, desk_file)) if desk.lists else None,
    )
    night = Night(
        run_dir=building.path,
        clone=paths.ROOT,
        desk_file=desk_file,
        steps=_steps(desk),
        about={"run_id": building.run_id, "desk": desk.name, "started_utc": manifest.utc_text(now)},
        tell_session=lambda: session.after_prices(desk, building.path / "reports"),
        say=_say,
        dumps=str(os_files.real(dumps)) if dumps else None,
        began=seen.note,
        pool=pool,
        session=known,
        zone_s=trading_day.load(desk.market).utc_offset_s(now.timestamp()),
        limit_s=seconds_of("STEP_LIMIT_S", STEP_LIMIT_S),
    )
    return building, night


def _steps(desk: Desk) -> tuple[Step, ...]:
    return steps_of(
        imports=any(each.file for each in desk.instruments), fetches=any(each.fetched for each in desk.instruments)
    )


def _completed(desk: Desk, desk_file: Path) -> tuple[list[SeriesKey], Sequence[Path]]:
    """Series and lists of the desk now; as they were where it cannot be read: the next step reports that."""
    with suppress(NightdeskError):
        desk = load_desk(desk_file)
    return [each.key for each in desk.instruments], desk.lists


def _after(desk: Desk, desk_file: Path, verb: str, *arguments: str) -> StepResult:
    """Run a verb that comes after the last file of the run; its log is kept under logs/, outside the sealed folder.

    Like the night's own it has the desk's name and the date of its market: `logs/prune_runs@us_2026-11-20.log`.
    """
    name, day = called(desk_file), trading_day.load(desk.market).local_date(clock.now_s())
    log = paths.logs_dir() / f"{verb}{name and '@'}{name}_{day}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-u", "-m", f"pyjobs.{verb}", *arguments]
    offset_s = trading_day.load(desk.market).utc_offset_s(clock.now_s())
    child = step_process.start(command, log, cwd=paths.ROOT, zone_s=offset_s)
    try:
        ended = child.wait()
    except BaseException:
        step_process.stop_all([child])
        raise
    result = result_of(verb, ended, log=log, shown_log=str(log))
    _say(line(result))
    return result


def _summary(final: Path, results: Sequence[StepResult], *, seconds: float) -> None:
    content = manifest.read(final)
    well = sum(result.outcome == "ok" for result in results)
    _say(f"{content['status']}: {well} of {len(results)} steps, {seconds:.1f} s, {content['size_mb']:.2f} MB")
    for change in content.get("mixed") or ():  # type: ignore[attr-defined]  # manifest.build made it a list
        _say(f"[WARN] mixed: {change}")
    _say(f"look at {final / 'index.html'}")


def _list_nights(final: Path, desk_file: Path) -> None:
    """reports/index.html and `latest`; a night is no worse for want of them."""
    try:
        nights.write_index(paths.data_dir() / "server_runs", paths.reports_dir(), final, reports_of(desk_file))
    except OSError as error:
        _say(f"[WARN] the list of nights is not up to date: {error}")


def _external(results: Sequence[StepResult], outcomes: Mapping[str, Mapping[str, object]]) -> ExternalDataUnavailable:
    """The first external failure, so that the supervisor learns its kind and provider from us too."""
    first = next(result for result in results if result.exit_code == ExitCode.EXTERNAL)
    found = outcomes.get(first.step, {})
    provider, symbol = str(found.get("provider") or first.step), str(found.get("symbol") or "")
    detail = str(found.get("detail") or first.reason)
    kind = cast(ExternalKind, found.get("kind") if found.get("kind") in EXTERNAL_KINDS else "outage")
    return ExternalDataUnavailable(kind, provider=provider, symbol=symbol, detail=detail)


def _stop(number: int, _frame: FrameType | None) -> None:
    """Once: a second signal must not interrupt the ending of the children."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise _Signalled(number)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(run(main))
