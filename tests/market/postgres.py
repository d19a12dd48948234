"""Where trials outside of this repository look for the Postgres of tests."""

from tests.market.support.postgres import run_server

__all__ = ["run_server"]
