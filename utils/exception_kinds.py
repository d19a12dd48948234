"""Exit codes for exceptions that are not ours: which of them mean that a provider did not deliver.

Classes are looked up by qualified name along the MRO in config/external_errors.toml, so that no client library has to
be imported to be recognised. The outermost exception decides: a bug raised while a time-out was being handled is a bug;
a wrapper that somebody raised `from` a time-out means what the wrapper means. A KeyError inside a client library is a
bug here, although the judge of foreign programs may excuse it: our providers look at the bytes and say `schema`.
"""

from __future__ import annotations

import errno
import functools
import re
import traceback
from collections.abc import Iterator

from utils.errors import ExternalDataUnavailable, NightdeskError
from utils.exit_codes import ExitCode
from utils.external_errors import RULES_PATH
from utils.foreign_errors.error_rules import (
    BY_MESSAGE,
    BY_STATUS,
    OURS,
    WIRE,
    Rules,
    kind_of_status,
    load_rules,
    refined,
    status_in,
)

_CODE_OF_ERRNO = {
    errno.ENOSPC: ExitCode.CANNOT_WRITE,
    errno.EDQUOT: ExitCode.CANNOT_WRITE,
    errno.EROFS: ExitCode.CANNOT_WRITE,
    errno.EFBIG: ExitCode.CANNOT_WRITE,
    errno.EIO: ExitCode.CANNOT_WRITE,  # of a disk; a terminal that went away is not where jobs write
    errno.EACCES: ExitCode.PERMISSION,
    errno.EPERM: ExitCode.PERMISSION,
    errno.ENOENT: ExitCode.MISSING_INPUT,
}
_KIND_OF_ERRNO = {
    errno.ETIMEDOUT: "timeout",
    errno.ECONNREFUSED: "network",
    errno.ECONNRESET: "network",
    errno.ECONNABORTED: "network",
    errno.ENETUNREACH: "network",
    errno.ENETDOWN: "network",
    errno.EHOSTUNREACH: "network",
    errno.EHOSTDOWN: "network",
}
_SOCKET_WORDS = re.compile(r"^(timed out|The (read|write|handshake) operation timed out)$")
_LOCK_TIMEOUT = "filelock._error.Timeout"
_DISK = re.compile(r"(?i)database or disk is full|attempt to write a readonly database|no space left on device")


def exit_code_for(error: BaseException) -> ExitCode:
    """The exit code of an exception. What is not recognised is a bug."""
    if isinstance(error, NightdeskError):
        return error.exit_code
    if isinstance(error, BaseExceptionGroup):
        return _of_group(error)
    if _LOCK_TIMEOUT in names(error):
        return ExitCode.LOCK_BUSY
    if "sqlite3.OperationalError" in names(error):
        return ExitCode.CANNOT_WRITE if _DISK.search(str(error)) else ExitCode.BUG
    disk = _os_error_of_ours(error)
    if disk is not None:
        return disk
    return ExitCode.EXTERNAL if kind_of(error) is not None else ExitCode.BUG


def kind_of(error: BaseException) -> str | None:
    """How the provider failed, or None when the failure is ours."""
    if isinstance(error, ExternalDataUnavailable):
        return error.kind
    if isinstance(error, BaseExceptionGroup):
        kinds = [kind_of(member) for member in error.exceptions]
        return None if None in kinds else kinds[0]
    rules = _rules()
    said = str(error)
    if rules.is_our_service(f"{type(error).__name__} {said}") or rules.never_external(said, always=True):
        return None
    disposition = rules.disposition(names(error))
    if disposition in (None, OURS) or isinstance(error, MemoryError):
        return None
    if disposition == WIRE or (isinstance(error, OSError) and type(error).__module__ == "builtins"):
        return _kind_on_the_wire(error, rules)
    if disposition == BY_STATUS:
        return _kind_by_status(error)
    if "json.decoder.JSONDecodeError" in names(error) and disposition == BY_MESSAGE:
        files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        return "schema" if rules.on_the_wire(files) else None
    if disposition == BY_MESSAGE:
        return None if type(error).__module__ == "builtins" else _kind_by_message(error, rules)
    return refined(disposition, said, rules)


def names(error: BaseException) -> list[str]:
    """`module.QualName` of the class of `error` and of everything it inherits from, nearest first; builtins bare."""
    return [
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
        for cls in type(error).__mro__
        if cls not in (object, BaseException, Exception)
    ]


@functools.cache
def _rules() -> Rules:
    return load_rules(RULES_PATH)


def _of_group(group: BaseExceptionGroup[BaseException]) -> ExitCode:
    """All members external: external. Otherwise the first code that is not."""
    codes = [exit_code_for(member) for member in group.exceptions]
    return next((code for code in codes if code != ExitCode.EXTERNAL), ExitCode.EXTERNAL)


def _os_error_of_ours(error: BaseException) -> ExitCode | None:
    """Disk, permission and missing-file codes; an exception of a client that carries such an errno counts too."""
    for nested in _with_arguments(error):
        if isinstance(nested, OSError) and nested.errno in _CODE_OF_ERRNO:
            return _CODE_OF_ERRNO[nested.errno]
    return None


def _with_arguments(error: BaseException) -> Iterator[BaseException]:
    """`error` and the exceptions among its arguments, which is where urllib, urllib3 and requests keep the cause."""
    yield error
    for argument in (*error.args, getattr(error, "reason", None)):
        if isinstance(argument, BaseException) and argument is not error:
            yield from _with_arguments(argument)


def _kind_on_the_wire(error: BaseException, rules: Rules) -> str | None:
    """A bare time-out or lost connection: the network's only if code that talks to it is on the stack."""
    number = error.errno if isinstance(error, OSError) else None
    frames = [frame for raised in _chain(error) for frame in traceback.extract_tb(raised.__traceback__)]
    files = [frame.filename for frame in frames]
    if number in _KIND_OF_ERRNO and not any(rules.not_network_file.search(file) for file in files):
        return _KIND_OF_ERRNO[number]
    raised_here = bool(frames) and (frames[-1].line or "").startswith("raise ")
    bare_socket = bool(_SOCKET_WORDS.match(str(error))) and bool(frames) and not raised_here
    if not bare_socket and not rules.on_the_wire(_without_asyncio_loop(files)):
        return None
    timed_out = isinstance(error, TimeoutError)
    return "timeout" if timed_out else "network" if isinstance(error, ConnectionError | EOFError) else None


def _without_asyncio_loop(files: list[str]) -> list[str]:
    """asyncio's loop is below every coroutine; only a connection or a stream in it is the network."""
    return [file for file in files if not file.endswith("/asyncio/base_events.py")]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it was raised from or while handling, as far as it is a cancellation or a time-out."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
        if current is not None and type(current).__name__ not in ("CancelledError", "TimeoutError", "BlockingIOError"):
            return


def _kind_by_status(error: BaseException) -> str | None:
    """What the HTTP status says; clients keep it on the response, on the exception, or only in the message."""
    response = getattr(error, "response", None)
    for holder, name in ((response, "status_code"), (error, "code"), (error, "status"), (error, "status_code")):
        status = getattr(holder, name, None)
        if isinstance(status, int):
            break
    else:
        status = status_in(str(error))
    kind = kind_of_status(status) if status else None
    return None if kind == OURS else kind


def _kind_by_message(error: BaseException, rules: Rules) -> str | None:
    """A class that says nothing: its words, or the network error that it carries."""
    said = str(error)
    if rules.never_external(said):
        return None
    text = rules.stated_kind(said)
    if text:
        return None if text[0] == OURS else text[0]
    carried = [kind_of(nested) for nested in _with_arguments(error) if nested is not error]
    return next((kind for kind in carried if kind), None)
