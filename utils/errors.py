"""Errors named after the situation, grouped by fault. Each has its exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal, get_args

from utils.exit_codes import ExitCode

ExternalKind = Literal[
    "rate_limit", "outage", "timeout", "network", "auth", "schema", "no_data", "blocked", "network_forbidden"
]
NETWORK_FORBIDDEN: ExternalKind = "network_forbidden"
EXTERNAL_KINDS: tuple[str, ...] = get_args(ExternalKind)


class NightdeskError(Exception):
    """A failure we foresaw: its message is for a person, without a traceback."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG


class UsageError(NightdeskError):
    """The command line is wrong."""

    exit_code = ExitCode.USAGE


class ConfigError(NightdeskError):
    """A file under config/ (or secret/) is unreadable or wrong; the message names file, key and value."""

    exit_code = ExitCode.BAD_CONFIG


class StrategyError(ConfigError):
    """A strategy of the user's own raised, does not end, or gave what is none; the message has its file and line."""


class BadDataError(NightdeskError):
    """Prices or files that cannot be true: high below low, a truncated dump, a torn partition."""

    exit_code = ExitCode.BAD_DATA


class MisfitError(BadDataError):
    """A provider has the symbol as something else than its exchange: another currency, market or kind."""


class MissingInputError(NightdeskError):
    """A file or folder that the job has to read is not there."""

    exit_code = ExitCode.MISSING_INPUT


class CannotWriteError(NightdeskError):
    """The disk is full or read-only, or the target cannot be created."""

    exit_code = ExitCode.CANNOT_WRITE


class StaleDataError(NightdeskError):
    """The data is older than the session asked for; a later try may succeed (retried with `--retry-rc 2`)."""

    exit_code = ExitCode.STALE


class LockBusyError(NightdeskError):
    """Another run holds the lock."""

    exit_code = ExitCode.LOCK_BUSY


class WorkKilledError(NightdeskError):
    """A process that worked for this job was killed, more often than another try could mend."""

    exit_code = ExitCode.KILLED


class ExternalDataUnavailable(NightdeskError):
    """A provider did not deliver. Decided where the bytes arrive, never from a traceback.

    `kind` is how: rate_limit, outage, timeout, network, auth, schema, no_data or blocked; or network_forbidden, which
    is a setting and no outage.
    """

    exit_code = ExitCode.EXTERNAL

    def __init__(self, kind: ExternalKind, *, provider: str, symbol: str = "", detail: str = "") -> None:
        self.kind: ExternalKind = kind
        self.provider = provider
        self.symbol = symbol
        self.detail = detail
        who = f"{provider} {symbol}".rstrip()
        super().__init__(f"{who}: {kind}" + (f": {detail}" if detail else ""))


class NetworkForbidden(ExternalDataUnavailable):
    """No provider was asked, because ALLOW_NET_FETCH=0 forbids it, and this machine has no other source.

    A setting of the user's, not a failure outside: no skip budget is used up by it.
    """

    def __init__(
        self, *, provider: str, symbol: str = "", detail: str = "not asked: ALLOW_NET_FETCH=0 forbids the network"
    ) -> None:
        super().__init__(NETWORK_FORBIDDEN, provider=provider, symbol=symbol, detail=detail)


@contextmanager
def found_in(what: str) -> Iterator[None]:
    """One of many, a symbol or a series: bad data found in it, a strategy that fails on it, are reported as its own."""
    try:
        yield
    except (BadDataError, StrategyError) as error:
        raise type(error)(f"{what}: {error}") from error
