"""Write a desk of your own: which exchange, which symbols; fetch their history; print the next command.

On a terminal it asks for each value without a flag, and keeps the answers of a run that fails for the next one. A
symbol that the exchange does not have is named and left out; 66 when it has none of them, 69 when the provider could
not be asked. Nothing that is there already is overwritten; the jobs of a second desk are added to your jobs file. Also
prints the crontab lines for this box, and writes what the jobs are then expected to do (secret/jobs.yaml) and which
market they ask about (config/env.local.sh).
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pyjobs.market import desks
from pyjobs.market.bars import TIMEFRAME_MS
from pyjobs.market.desk.desk_file import Desk
from pyjobs.market.desk.mistakes import NAME
from pyjobs.market.desk.new_desk_text import CASH, DEFAULT_CASH, DeskChoices, desk_text
from pyjobs.market.exchanges import Exchange, load_exchanges, series_key
from pyjobs.market.store.open_store import open_store
from pyjobs.runs.timetable import Timetable, added, timetable
from utils import clock, paths, wall_clock
from utils.cli import Parser
from utils.errors import MissingInputError, UsageError
from utils.exit_codes import ExitCode
from utils.files import os_files
from utils.files.atomic import write_bytes, write_text
from utils.run import run
from utils.settings import config
from utils.settings.dialogue import Dialogue

EXAMPLES = 5  # of many symbols, so many are named
OWN = 0o600  # of what lies in secret/, whatever the mode of that folder
WATCHED = 30  # symbols of a first watchlist
NOT_THERE = (
    "unknown",
    "gone",
    "renamed",
    "no_data",
    "not_listed",
)  # what a fetch calls a symbol that its provider does not have
NOT_OURS = ("misfit", "bad_data", "not_offered")  # and one it has otherwise: in another currency, of another market


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, fetch, write, and print the next command; see the module."""
    args = _parser().parse_args(argv)
    target = _target(args)
    exchanges = load_exchanges(config.own_or_default("exchanges.yaml"))
    zone = args.zone or wall_clock.box_zone()
    wall_clock.zone_of(zone)
    dialogue = Dialogue(paths.data_dir() / "new_desk.json")
    choices = _choices(args, exchanges, dialogue)
    try:
        desk, left_out, bare = _fetched(choices, exchanges, target)
    except MissingInputError:
        dialogue.ask_again("symbols")
        raise
    kept = tuple(symbol for symbol in choices.symbols if symbol not in left_out)
    choices = msgspec.structs.replace(choices, symbols=kept)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, desk_text(choices, exchanges))
    dialogue.forget()
    print(f"\n{target}: {len(desk.instruments) - len(left_out)} instruments, {desk.market}")
    if left_out:
        print(f"left out, see above: {', '.join(left_out)}")
    mine, named = desks.word_for(target, paths.config_dir()), desks.flag_for(target, paths.config_dir())
    if bare:
        few = f"{', '.join(bare[:EXAMPLES])}{' …' if len(bare) > EXAMPLES else ''}"
        print(f"without bars yet: {len(bare)} ({few}); nights bring them, or now: python -m pyjobs.fetch{named}")
    delivering = sorted({choices.exchange, *(each.exchange for each in desk.instruments if each.fetched)})
    table = timetable(desk.market, [exchanges[name] for name in delivering], zone, clock.now_s())
    _expect(table, mine)
    _watch(desk, left_out, mine)
    print("\ncrontab lines (crontab -e):")
    print("\n".join(table.crontab(paths.entrance(), mine)))
    print(f"\nnext: batch/run_nightly.sh{named}")
    return ExitCode.OK


def _parser() -> Parser:
    parser = Parser(verb="new_desk", doc=__doc__)
    parser.add_argument(
        "--exchange", metavar="NAME", help="one of config/exchanges.yaml's: YAHOO, YAHOO_KR, BITFINEX …"
    )
    parser.add_argument("--symbols", metavar="A,B,…", help="as the exchange calls them: AAPL,MSFT,NVDA")
    parser.add_argument("--timeframe", metavar="TF", default="1d", help="default: %(default)s")
    parser.add_argument(
        "--listing", metavar="NAME", help="instead of symbols: all shares that this exchange lists (KRX)"
    )
    parser.add_argument("--boards", metavar="A,B", default="KOSPI,KOSDAQ", help="of the listing; default: %(default)s")
    parser.add_argument("--cash", metavar="N", type=float, help="to begin with; default: 100000, in KRW 100000000")
    parser.add_argument("--currency", metavar="CUR", default="", help="of the account; default: the exchange's")
    parser.add_argument("--name", metavar="NAME", help="of the desk: config/desks/NAME.yaml, one of several")
    parser.add_argument(
        "--years", metavar="N", type=float, help="of history; default: ten of days, less of shorter bars"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="default: config/desk.yaml, or by --name")
    parser.add_argument(
        "--zone", metavar="ZONE", help="the clock that cron uses on this box; default: /etc/localtime's"
    )
    return parser


def _target(args: Namespace) -> Path:
    """The file to write. Raises UsageError for a name that cannot be, and for a file that is there already."""
    if args.name and (not NAME.fullmatch(args.name) or args.name in desks.NAMELESS):
        raise UsageError(f"--name {args.name!r} cannot name a desk: letters, digits, `_`, `.` and `-`, and not `desk`")
    own = f"desks/{args.name}.yaml" if args.name else "desk.yaml"
    target: Path = (args.out or paths.config_dir() / own).absolute()
    if target.exists():
        more = "" if args.out or args.name else ", or --name NAME for a second desk"
        raise UsageError(f"{target} is there already, and nothing is overwritten: move it away, or --out FILE{more}")
    return target


def _choices(args: Namespace, exchanges: dict[str, Exchange], dialogue: Dialogue) -> DeskChoices:
    """What is wanted, by the flags, else by what is answered."""
    _check(args)

    def known_exchange(text: str) -> str:
        return series_key(exchanges, exchange=text, symbol="X", timeframe=args.timeframe).exchange

    name = dialogue.given(
        "exchange",
        args.listing or args.exchange,
        f"exchange ({', '.join(exchanges)})",
        known_exchange,
        flag="--exchange",
    )
    symbols: tuple[str, ...] = ()
    if not args.listing:
        symbols = dialogue.given("symbols", args.symbols, f"symbols, as {name} calls them", _symbols, flag="--symbols")
    currency = args.currency or exchanges[name].currency or "USD"
    usual = CASH.get(currency, DEFAULT_CASH)
    cash = dialogue.given("cash", args.cash, f"cash in {currency}", _cash, flag="--cash", default=f"{usual:.0f}")
    start = ""
    if args.years is not None:
        if not 0 < args.years < 100:
            raise UsageError(f"--years {args.years:g} is not a number of years above 0")
        today = dt.datetime.fromtimestamp(clock.now_s(), dt.UTC).date()
        start = (today - dt.timedelta(days=round(365.25 * args.years))).isoformat()
    return DeskChoices(
        exchange=name,
        symbols=symbols,
        boards=_symbols(args.boards) if args.listing else (),
        timeframe=args.timeframe,
        start=start,
        cash=cash,
        currency=args.currency,
        name=args.name or "mine",
    )


def _check(args: Namespace) -> None:
    """Raises UsageError for flags that are of no use whatever is answered."""
    if args.listing and (args.symbols or args.exchange):
        raise UsageError("--listing replaces --exchange and --symbols")
    if args.timeframe not in TIMEFRAME_MS:
        raise UsageError(f"--timeframe: unknown {args.timeframe!r} (known: {', '.join(TIMEFRAME_MS)})")
    if args.currency and not re.fullmatch("[A-Z]{3}", args.currency):
        raise UsageError(f"--currency {args.currency!r} is not a currency such as USD")


def _symbols(text: str) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for symbol in filter(None, re.split(r"[,\s]+", text)):
        found.setdefault(symbol.casefold(), symbol)
    if not found:
        raise UsageError("names no symbol, such as AAPL,MSFT")
    return tuple(found.values())


def _cash(text: object) -> float:
    try:
        cash = float(str(text).replace(",", "").replace("_", ""))
    except ValueError:
        cash = 0.0
    if not 0 < cash < float("inf"):
        raise UsageError(f"{text!r} is not an amount above 0")
    return cash


def _fetched(choices: DeskChoices, exchanges: dict[str, Exchange], target: Path) -> tuple[Desk, list[str], list[str]]:
    """The desk with its history fetched, the symbols to be left out of it, and those that have no bars yet.

    Raises MissingInputError when there is none of them, and the first error when the provider could not be asked.
    """
    from pyjobs.market.universe.history_by_board import SESSIONS_A_JOB
    from pyjobs.reporting.fetches.bring_up_to_date import begun, bring_up_to_date

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "desk.yaml"
        path.write_text(desk_text(choices, exchanges), encoding="utf-8")
        desk, job = begun(path, history=SESSIONS_A_JOB, kept_at=target)
        verdict = bring_up_to_date(desk, job)
    store = open_store()
    ours = [each for each in desk.instruments if each.exchange == choices.exchange and each.role == "trade"]
    bare = [each.symbol for each in ours if store.newest(each.key) is None]
    kinds = {each.symbol: each.kind for each in verdict.missing if each.exchange == choices.exchange}
    there_are_not = [symbol for symbol in bare if choices.symbols and kinds.get(symbol) in NOT_THERE]
    not_ours = [symbol for symbol in bare if choices.symbols and kinds.get(symbol) in NOT_OURS]
    if ours and len(there_are_not) == len(ours):
        raise MissingInputError(
            f"{choices.exchange} has none of {', '.join(there_are_not)}; no desk was written. Is that what they are "
            "called there (Yahoo: AAPL, 005930.KS)?"
        )
    if len(bare) == len(ours) and verdict.errors:
        raise verdict.errors[0]
    left_out = [symbol for symbol in bare if symbol in there_are_not or symbol in not_ours]
    return desk, left_out, [symbol for symbol in bare if symbol not in left_out]


def _expect(table: Timetable, mine: str) -> None:
    """Write the files that jobs use, where there is none; else print what they should be."""
    own_desk, name = not mine, mine if mine and "/" not in mine else ""
    shipped = (paths.config_dir() / "jobs.yaml").read_text(encoding="utf-8")
    plans = table.job_plans(shipped, name)
    path = paths.secret_dir() / "jobs.yaml"
    if path.exists() and name:
        lines = "".join(
            line for line in plans.splitlines(keepends=True) if line.startswith("  ") and f'@{name}":' in line
        )
        if added(path, lines):
            print(f"{path}: {lines.count(chr(10))} lines added, when each job of {name} should have ended")
            return
        print(f"{path} is yours and stays as it is; put these lines into it:\n{lines}", end="")
    elif path.exists():
        due = ", ".join(f"{job.job} {job.due}" for job in table.jobs if job.due)
        print(f"{path} is yours and stays as it is; for {table.market} these would be due: {due}")
    else:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_bytes(path, plans.encode(), mode=OWN)
        print(f"{path}: when each job should have ended")
    local = paths.config_dir() / "env.local.sh"
    if own_desk and not local.exists():
        write_text(local, f"# Values of this machine (config/env.nas.sh explains them).\nMARKET={table.market}\n")
        print(f"{local}: MARKET={table.market}")
    elif own_desk and f"MARKET={table.market}" not in os_files.held_bytes(local).decode("utf-8"):
        print(f"{local} is yours and stays as it is; put this line into it: MARKET={table.market}")


def _watch(desk: Desk, left_out: Sequence[str], mine: str) -> None:
    """A watchlist of the desk's own symbols, where there is none yet; of a named desk it carries the name."""
    path = paths.secret_dir() / (f"watchlist.{mine}.yaml" if mine and "/" not in mine else "watchlist.yaml")
    if not path.exists():
        symbols = [each.symbol for each in desk.instruments if each.symbol not in left_out][:WATCHED]
        lines = [f"  - {json.dumps(symbol, ensure_ascii=False)}\n" for symbol in symbols]
        text = "# What run_report_watchlist.sh reports on: symbols of the desk.\nsymbols:\n" + "".join(lines)
        write_bytes(path, text.encode(), mode=OWN)
        print(f"{path}: the watchlist, the desk's first {len(symbols)} symbols")


if __name__ == "__main__":
    sys.exit(run(main))
