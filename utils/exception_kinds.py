"""Exit codes for exceptions that are not ours: which of them mean that a provider did not deliver.

Classes are looked up by qualified name along the MRO in config/exception_classes.toml, so that no client library has to
be imported to be recognised. No message is searched for words: class, errno, HTTP status and stack decide, and what
they do not decide is a bug. The outermost exception decides: a bug raised while a time-out was being handled is a bug;
a wrapper raised `from` a time-out means what the wrapper means. A KeyError inside a client library is a bug here,
although the judge of foreign programs may excuse it: our providers look at the bytes and report `schema`.
"""

from __future__ import annotations

import errno
import functools
import os
import re
import ssl
import traceback
from collections.abc import Iterator

from utils.errors import ExternalDataUnavailable, NightdeskError
from utils.exception_classes import BY_STATUS, BY_WORDS, OURS, WIRE, Classes, kind_of_status, load_classes, status_in
from utils.exit_codes import ExitCode

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
_SILENT = (
    errno.ETIMEDOUT, errno.ESTALE, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN, errno.ENETDOWN,
    errno.ENETUNREACH, errno.ENXIO, errno.ENODEV,
)  # fmt: skip
_NO_FILE = (errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR)
_CODE_OF_A_FILE = dict.fromkeys(_SILENT, ExitCode.CANNOT_WRITE) | dict.fromkeys(_NO_FILE, ExitCode.BAD_DATA)
"""An error that names a file: it lies on a server that is away, or is not what should be there."""
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
    classes = _classes()
    disposition = classes.disposition(names(error))
    if disposition in (None, OURS) or isinstance(error, MemoryError) or _about_a_certificate_file(error):
        return _schema_of(error, classes)
    if disposition == WIRE or (isinstance(error, OSError) and type(error).__module__ == "builtins"):
        return _kind_on_the_wire(error, classes)
    if disposition == BY_STATUS:
        return _kind_by_status(error)
    carried = [kind for nested in _with_arguments(error) if nested is not error and (kind := kind_of(nested))]
    if disposition == BY_WORDS:
        return next(iter(carried), None)
    closer = (kind for kind in carried if kind in ("rate_limit", "outage", "timeout"))
    return next(closer, disposition) if disposition == "network" else disposition


def _schema_of(error: BaseException, classes: Classes) -> str | None:
    """`schema` for a JSON error on an answer that a client library has just read; None for every other error."""
    if "json.decoder.JSONDecodeError" not in names(error):
        return None
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return "schema" if classes.on_the_wire(files) else None


def _about_a_certificate_file(error: BaseException) -> bool:
    """Whether OpenSSL could not read a certificate or key file of our own: its ERR_R_PEM_LIB (1.1, and 3 by err.h)."""
    nested = (one for one in _with_arguments(error) if isinstance(one, ssl.SSLError))
    return any(one.errno in (9, 0x80009) for one in nested)


def names(error: BaseException) -> list[str]:
    """`module.QualName` of the class of `error` and of everything it inherits from, nearest first; builtins bare."""
    return [
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
        for cls in type(error).__mro__
        if cls not in (object, BaseException, Exception)
    ]


@functools.cache
def _classes() -> Classes:
    return load_classes()


def _of_group(group: BaseExceptionGroup[BaseException]) -> ExitCode:
    """All members external: external. Otherwise the first code that is not."""
    codes = [exit_code_for(member) for member in group.exceptions]
    return next((code for code in codes if code != ExitCode.EXTERNAL), ExitCode.EXTERNAL)


def _os_error_of_ours(error: BaseException) -> ExitCode | None:
    """Disk, permission and missing-file codes; an exception of a client that carries such an errno counts too."""
    for nested in _with_arguments(error):
        if isinstance(nested, OSError) and nested.errno in _CODE_OF_ERRNO:
            return _CODE_OF_ERRNO[nested.errno]
        if isinstance(nested, OSError) and isinstance(nested.filename, str | bytes | os.PathLike):
            return _CODE_OF_A_FILE.get(nested.errno or 0)
    return None


def _with_arguments(error: BaseException) -> Iterator[BaseException]:
    """`error` and the exceptions among its arguments, which is where urllib, urllib3 and requests keep the cause."""
    yield error
    for argument in (*error.args, getattr(error, "reason", None)):
        if isinstance(argument, BaseException) and argument is not error:
            yield from _with_arguments(argument)


def _kind_on_the_wire(error: BaseException, classes: Classes) -> str | None:
    """A bare time-out or lost connection: the network's only if code that talks to it is on the stack."""
    number = error.errno if isinstance(error, OSError) else None
    frames = [frame for raised in _chain(error) for frame in traceback.extract_tb(raised.__traceback__)]
    files = [frame.filename for frame in frames]
    if number in _KIND_OF_ERRNO and not any(classes.not_network_file.search(file) for file in files):
        return _KIND_OF_ERRNO[number]
    raised_here = bool(frames) and (frames[-1].line or "").startswith("raise ")
    bare_socket = bool(_SOCKET_WORDS.match(str(error))) and bool(frames) and not raised_here
    if not bare_socket and not classes.on_the_wire(_without_asyncio_loop(files)):
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
    """The kind by the HTTP status; clients keep it on the response, on the exception, or only in the message."""
    response = getattr(error, "response", None)
    for holder, name in ((response, "status_code"), (error, "code"), (error, "status"), (error, "status_code")):
        status = getattr(holder, name, None)
        if isinstance(status, int):
            break
    else:
        status = status_in(str(error))
    kind = kind_of_status(status) if status else None
    return None if kind == OURS else kind
