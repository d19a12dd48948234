"""Which exceptions of other people's libraries mean that a provider did not deliver, and which codes an OSError gets.

Classes are looked up by qualified name along the MRO, so that no client library has to be imported to be recognised.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from utils.errors import ExternalDataUnavailable
from utils.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE_OF_ERRNO = {
    errno.ENOSPC: ExitCode.CANNOT_WRITE,
    errno.EDQUOT: ExitCode.CANNOT_WRITE,
    errno.EROFS: ExitCode.CANNOT_WRITE,
    errno.EFBIG: ExitCode.CANNOT_WRITE,
    errno.EACCES: ExitCode.PERMISSION,
    errno.EPERM: ExitCode.PERMISSION,
    errno.ENOENT: ExitCode.MISSING_INPUT,
}
_CLASSES = {
    "requests.exceptions.ConnectionError": "network",
    "requests.exceptions.Timeout": "timeout",
    "requests.exceptions.ChunkedEncodingError": "network",
    "urllib3.exceptions.HTTPError": "network",
    "socket.gaierror": "network",
    "builtins.ConnectionError": "network",
    "yfinance.exceptions.YFRateLimitError": "rate_limit",
    "filelock._error.Timeout": None,
}


def exit_code_for(error: BaseException) -> ExitCode:
    """The exit code of an exception that is not one of ours."""
    if kind_of(error) is not None:
        return ExitCode.EXTERNAL
    if any(name == "filelock._error.Timeout" for name in names(error)):
        return ExitCode.LOCK_BUSY
    if isinstance(error, OSError) and error.errno in _CODE_OF_ERRNO:
        return _CODE_OF_ERRNO[error.errno]
    return ExitCode.BUG


def kind_of(error: BaseException) -> str | None:
    """How the provider failed, or None when the failure is ours."""
    if isinstance(error, ExternalDataUnavailable):
        return error.kind
    return next((_CLASSES[name] for name in names(error) if name in _CLASSES), None)


def names(error: BaseException) -> Iterator[str]:
    """`module.QualName` of the class of `error` and of everything it inherits from, nearest first."""
    return (f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__)
