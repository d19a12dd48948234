"""Take one step of a paper loop: fetch, decide each closed bar that is not decided yet, write, sync, and out.

The loop is one of live.yaml's (--instance NAME, or all of them), or that of the environment: DATA_TAG, SYMBOL,
TIMEFRAME, CCXT_EXCHANGE or CT_EXCHANGE, STRATEGY, STRATEGY_PARAMS (fast=5,slow=20), PAPER_CASH, FEE_BPS. No order
ever leaves this machine.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils import clock, paths
from utils.cli import Parser
from utils.errors import ExternalDataUnavailable, NightdeskError, UsageError
from utils.run import exit_code_for, one_line, run

if TYPE_CHECKING:
    from pyjobs.live.config import LiveFile
    from pyjobs.live.spec import Spec
    from pyjobs.live.step import Outcome


def main(argv: Sequence[str] | None = None) -> int:
    """A step of each loop that is named; the exit code is the worst one's."""
    parser = Parser(verb="live_step", doc=__doc__)
    parser.add_argument("--instance", metavar="NAME", help="a loop of live.yaml; its journal's tag is its name")
    parser.add_argument("--all", action="store_true", help="every loop of live.yaml, one after the other")
    parser.add_argument("--list", action="store_true", help="name the loops of live.yaml and their timeframes, and end")
    parser.add_argument("--no-fetch", action="store_true", help="ask no provider; decide by what is stored")
    args = parser.parse_args(argv)
    if args.instance and args.all:
        parser.error("--instance and --all exclude each other")

    from pyjobs.live import config
    from pyjobs.live.step import Setting

    config.refuse_real_money()
    found = config.load()
    if args.list:
        print("".join(f"{name}\t{loop.timeframe}\n" for name, loop in found.loops.items()), end="")
        return 0
    setting = Setting(
        now_ms=clock.now_ms,
        limits=found.limits,
        configured=config.places(found),
        fetched=not args.no_fetch,
    )
    try:
        return _asked_for(args, found, setting)
    finally:
        _name_what_is_not_as_pinned()  # last: a repository that does not answer delays no decision


def _name_what_is_not_as_pinned() -> None:
    if os.path.lexists(paths.root() / "repos.lock"):  # where nothing is pinned nothing of it is imported
        from pyjobs.runs.verdict import repos as pinned_repos

        for wrong in pinned_repos.warnings(paths.root()):
            print(f"[WARN] {wrong}")


def _asked_for(args: argparse.Namespace, found: LiveFile, setting: object) -> int:
    from pyjobs.live import config

    if args.all:
        return _each(found, setting)
    if args.instance:
        if args.instance not in found.loops:
            raise UsageError(
                f"--instance {args.instance}: {config.path_of()} has no such loop "
                f"(it has: {', '.join(found.loops) or 'none'})"
            )
        return _one(config.named(found, args.instance), setting)
    return _one(config.from_environment(os.environ, found), setting)


def _one(spec: Spec, setting: object) -> int:
    from pyjobs.live import feed
    from pyjobs.live.step import Setting, step

    assert isinstance(setting, Setting)
    done = step(spec, setting)
    print(_said(spec, done), flush=True)
    if done.noted:  # not before: a step that fails leaves it to the next
        feed.mark_printed(spec, done.report)
    return 0


def _said(spec: Spec, done: Outcome) -> str:
    """One line about a step."""
    from pyjobs.market.times import utc_text

    upto = f" up to {utc_text(done.last_ms)}" if done.last_ms else ""
    news = f"{done.rows} decided{upto}" if done.rows else f"nothing new{upto}"
    ended = f", {done.trades} trades ended" if done.trades else ""
    return f"{spec.tag} {spec.key}: {news}{ended}" + "".join(f"; {each}" for each in done.report)


def _each(found: LiveFile, setting: object) -> int:
    """One after the other; a failure, also an unforeseen one, is reported and the rest go on."""
    from pyjobs.live import config

    failed: list[Exception] = []
    for name in found.loops:
        try:
            _one(config.named(found, name), setting)
        except Exception as error:  # noqa: BLE001  # a strategy of one's own may raise anything
            print(f"{name}: failed: {one_line(error)}")
            failed.append(error)
    ours = [error for error in failed if not isinstance(error, ExternalDataUnavailable)]
    unforeseen = [error for error in ours if not isinstance(error, NightdeskError)]
    if unforeseen or (failed and not ours):
        raise [*unforeseen, *failed][0]
    return int(exit_code_for(ours[0])) if ours else 0


if __name__ == "__main__":
    sys.exit(run(main))
