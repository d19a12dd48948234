"""Ask again for KRX's boards of one, five and twenty sessions ago, and store what has been revised since.

The night and the end of day do it once they are published, so that their fetch requests only what is due; each session
is looked at once at each age. Revisions are printed, and listed in the next fetch's report and on the next end of
day's page. A provider that fails does not fail this job: the next one tries again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyjobs.market.exchanges import load_exchanges
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.store.open_store import open_store
from pyjobs.market.universe.looking.board_looks import look_at_all
from utils import clock
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run
from utils.settings import config


def main(argv: Sequence[str] | None = None) -> int:
    """Look at the boards of every exchange that has some, and print what has changed."""
    Parser(verb="look_again", doc=__doc__).parse_args(argv)
    exchanges = load_exchanges(config.own_or_default("exchanges.yaml"))
    for line in look_at_all(open_store(), Sources(), exchanges, clock.now_s()):
        print(line, flush=True)
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
