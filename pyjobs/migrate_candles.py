"""Create or update the `candles` table in the Postgres of DATABASE_URL."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from utils.cli import Parser
from utils.errors import ConfigError
from utils.exit_codes import ExitCode
from utils.run import run
from utils.settings import credentials


def main(argv: Sequence[str] | None = None) -> int:
    """Run the migrations that are still to be run."""
    Parser(verb="migrate_candles", doc=__doc__).parse_args(argv)

    from pyjobs.market.mirror import MIGRATIONS, connected, migrate

    url = credentials.find("DATABASE_URL")
    if not url:
        raise ConfigError("DATABASE_URL is not set (environment, secret/.env or .env)")
    with connected(url) as db:
        steps = migrate(db)
    print(f"candles schema: version {len(MIGRATIONS)}, {steps} steps run")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
