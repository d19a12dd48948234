"""This machine's state of each data provider: blocked until when, and why; `--reset NAME` forgets it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from utils import clock
from utils.cli import Parser
from utils.errors import UsageError
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """List every provider that has been asked, or forget one (or `all`), so that it is asked again at once."""
    from pyjobs.market.providers import RATE_LIMIT_GROUPS
    from pyjobs.market.providers.asking.circuit_breaker import ProviderStates, as_line

    parser = Parser(verb="provider_state", doc=__doc__)
    parser.add_argument(
        "--reset", metavar="NAME", help="forget what is known of NAME (as listed, or a provider's), or of `all`"
    )
    args = parser.parse_args(argv)

    states = ProviderStates()
    if args.reset:
        known = {state.provider for state in states.all()}
        rate_limit_group = RATE_LIMIT_GROUPS.get(args.reset, args.reset)
        if rate_limit_group not in known | set(RATE_LIMIT_GROUPS.values()) | {"all"}:
            raise UsageError(
                f"--reset: unknown provider {args.reset!r} (known: {', '.join(sorted({*known, *RATE_LIMIT_GROUPS}))})"
            )
        for name in sorted(known) if rate_limit_group == "all" else [rate_limit_group]:
            print(f"{name}: {'forgotten; it is asked again' if states.reset(name) else 'nothing was known'}")
        return ExitCode.OK
    all_states = states.all()
    width = max((len(state.provider) for state in all_states), default=0)
    for state in all_states:
        print(f"{state.provider:{width}}  {as_line(state, clock.now_s())}")
    if not all_states:
        print("no provider has been asked yet")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
