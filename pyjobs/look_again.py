"""Ask again for KRX's boards of one, five and twenty sessions ago, and store what has been revised since.

The night does it once it is published, so that its fetch asks for nothing but what is due; each session is looked at
once at each age. What was revised is printed, and stands in the next fetch's report. A provider that fails is no
failure of this job: the next one asks.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyjobs.market.exchanges import load_exchanges
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.store.open_store import open_store
from pyjobs.market.universe.board_looks import Look, look_again
from pyjobs.market.universe.by_board import PROVIDER
from pyjobs.market.universe.due import ready_session
from utils import clock
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run
from utils.settings import config


def main(argv: Sequence[str] | None = None) -> int:
    """Look at the boards of every exchange that has some, and say what has changed."""
    Parser(verb="look_again", doc=__doc__).parse_args(argv)
    store, sources = open_store(), Sources()
    for name, exchange in load_exchanges(config.own_or_default("exchanges.yaml")).items():
        if exchange.provider == PROVIDER:
            last = ready_session(exchange, clock.now_s()).date
            print("\n".join(lines(name, look_again(store, sources, name, exchange.market, last))))
    return ExitCode.OK


def lines(exchange: str, look: Look) -> list[str]:
    """What one exchange's looks have come to."""
    questions = look.boards.questions
    head = f"{exchange}: {look.sessions} sessions looked at again by {questions} questions, {look.revised} bars revised"
    return [head, *(f"[news] {entry}" for entry in look.told), *(f"[WARN] {exchange}: {entry}" for entry in look.notes)]


if __name__ == "__main__":
    sys.exit(run(main))
