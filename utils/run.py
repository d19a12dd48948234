"""The one place where exceptions become exit codes. A verb ends in `sys.exit(run(main))` and catches nothing itself."""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import re
import select
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from utils import paths
from utils.errors import ConfigError, ExternalDataUnavailable, NightdeskError
from utils.exit_codes import ExitCode
from utils.files import formats
from utils.foreign_text import LONGEST_MESSAGE, printable, quoted

ANY_FORMAT = frozenset({
    "backup", "deploy", "doctor", "fetch_runs", "healthcheck", "migrate", "release", "repos", "restore", "uninstall",
    "verify_run", "why", "write_units",
})  # fmt: skip
"""Verbs that work whatever format the stored data has."""
OUTCOME_FD = "OUTCOME_FD"
OUTCOME_MAX_BYTES = 4096
INTERRUPTED = 130  # 128 + SIGINT, as a shell would say
GC_EVERY = 100_000  # objects: a job makes records by the ten thousand and hardly a cycle, and was searched all the time
LONGEST_TRACEBACK = 20_000
STDOUT_CLOSED = 141  # 128 + SIGPIPE: what any program that honours the signal reports

_CURES = {
    errno.ENOSPC: "free some space there and start it again",
    errno.EDQUOT: "the quota is used up: free some space and start it again",
    errno.EROFS: "make that disk writable (dmesg shows whether it was remounted after an error) and start it again",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) and start it again",
    errno.EIO: "the disk or its connection fails (see dmesg): mend it and start it again",
    errno.EACCES: "let the user of this job have it (chown, chmod) and start it again",
    errno.EPERM: "let the user of this job have it (chown, chmod) and start it again",
}
_AWAY = "the disk or server that it lies on does not answer (mount, dmesg): mend that and start it again"
_CURES_OF_A_FILE = dict.fromkeys((errno.ETIMEDOUT, errno.ESTALE, errno.EHOSTDOWN, errno.ENOTCONN), _AWAY)
_SECRET_VALUE = re.compile(
    r"(?i)((?:[?&]|\b)(?:api[-_]?key|apikey|key|access[-_]?token|token|secret|signature|sig|password|passwd|pw|crumb)=)"
    r"[^&\s'\"<>)]+"
)
_URL_LOGIN = re.compile(r"(://[^/\s:@]+:)[^/\s@]+@|(://)[^/\s:@]{16,}@")  # of one word a token, as git's; git@ is none
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|apca-api-[a-z-]+)(['\"]?\s*[:=]\s*(?:b(?=['\"]))?['\"]?)[^'\"\r\n]+"
)


def run(main: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None = None) -> int:
    """Call `main(argv)` and return the exit code, whatever happened.

    A foreseen failure is one line, `verb: problem`, on stderr; a bug is a full traceback. A failure is also reported as
    one JSON line to the file descriptor in `OUTCOME_FD`. SystemExit (argparse's way out) passes through.
    """
    os.umask(0o022)  # as the chain has it: who starts a verb by hand may have any
    gc.set_threshold(GC_EVERY, *gc.get_threshold()[1:])
    sys.stdout = _Printable.over(sys.stdout)
    sys.stderr = _Printable.over(sys.stderr)
    try:
        _readable(main, argv)
        code = int(main(argv))
        sys.stdout.flush()
    except SystemExit as leaving:
        if leaving.code:
            report_outcome(leaving.code if isinstance(leaving.code, int) else ExitCode.BUG)
        raise
    except KeyboardInterrupt:
        code = INTERRUPTED
        _to_stderr(f"{verb_name(main)}: interrupted\n")
    except Exception as error:  # noqa: BLE001 - this is the one place that catches everything
        return _end_with(error, verb_name(main))
    if code != ExitCode.OK:
        report_outcome(code)
    return code


def _readable(main: Callable[..., object], argv: Sequence[str] | None) -> None:
    """Raises ConfigError where what is stored has another format than this version reads; some verbs need not care."""
    clone, home = str(paths.ROOT), str(paths.root())
    if verb_name(main) in ANY_FORMAT or {"-h", "--help"} & set(sys.argv[1:] if argv is None else argv):
        return
    reads, stored = formats.reads(clone), formats.stored(home)
    if stored > reads:
        raise ConfigError(
            f"what is stored has format {stored}, and this version reads up to {reads}: a newer version wrote here; "
            "go forward (batch/update_from_git.sh), or restore a backup of before"
        )
    if formats.pending(clone, home):
        raise ConfigError(
            f"what is stored is not of format {reads} yet, an update has brought that: python -m pyjobs.migrate"
        )
    if reads > formats.FIRST:
        with contextlib.suppress(OSError):
            formats.begin(clone, home)


class _Printable:
    """A stream that writes what it is given, printable: whatever a verb quotes, others wrote some of it.

    A terminal's stderr is left alone: only there progress moves the cursor.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @classmethod
    def over(cls, stream: TextIO | None) -> Any:
        """`stream`, made safe; None and what is safe already stay what they are."""
        moves = stream is sys.stderr and stream is not None and stream.isatty()
        return stream if stream is None or isinstance(stream, cls) or moves else cls(stream)

    def write(self, text: str) -> int:
        """Write `text`; its length, as other streams tell it."""
        self._stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def exit_code_for(error: BaseException) -> ExitCode:
    """Whose fault an exception is, as an exit code. Anything not known by name is a bug (1)."""
    if isinstance(error, NightdeskError):
        return error.exit_code
    from utils import exception_kinds  # only a failing job pays for reading the rules

    return exception_kinds.exit_code_for(error)


def report_outcome(
    code: int, *, kind: str | None = None, provider: str | None = None, symbol: str | None = None, detail: str = ""
) -> None:
    """Tell the supervisor why: one JSON line to the inherited `OUTCOME_FD`. Never raises, never waits.

    `run` calls it for every non-zero exit. A verb that skips with exit 0 (a required benchmark is missing) calls it
    itself with code 69 and the kind. Without `OUTCOME_FD`, or when the reader is gone or full, nothing happens.
    """
    record = {"code": int(code), "kind": kind, "provider": provider, "symbol": symbol, "detail": redacted(detail)}
    with contextlib.suppress(OSError, ValueError, OverflowError):
        fd = int(os.environ[OUTCOME_FD]) if os.environ.get(OUTCOME_FD) else -1
        _, writable, _ = select.select([], [fd], [], 0)
        if writable:
            os.write(fd, outcome_line(record))


def outcome_line(record: Mapping[str, object]) -> bytes:
    """`record` as one UTF-8 JSON line of at most 4096 bytes; long texts are cut, the JSON stays whole."""
    longest = 1500
    while True:
        cut = {name: value[:longest] if isinstance(value, str) else value for name, value in record.items()}
        line = (json.dumps(cut, ensure_ascii=True) + "\n").encode("ascii")
        if len(line) <= OUTCOME_MAX_BYTES:
            return line
        longest //= 2


def redacted(text: str) -> str:
    """`text` without the values of `key=`, `token=`, logins in URLs and headers that prove who asks: clients print what
    they asked for, and how."""
    return _HEADER.sub(r"\1\2***", _URL_LOGIN.sub(r"\1\2***@", _SECRET_VALUE.sub(r"\1***", text)))


def verb_name(main: Callable[..., object]) -> str:
    """What the user typed: `scan` for `python -m pyjobs.scan`."""
    if main.__module__ != "__main__":
        return main.__module__.rpartition(".")[2]
    return Path(sys.argv[0] or "python").stem


def _end_with(error: Exception, name: str) -> int:
    """Print the message of `error`, report it, and return its exit code."""
    if isinstance(error, BrokenPipeError) and _reader_gone(1):
        _silence_stdout()
        report_outcome(STDOUT_CLOSED, detail="the reader of stdout went away")
        return STDOUT_CLOSED
    code = exit_code_for(error)
    if code == ExitCode.BUG:
        import traceback

        _to_stderr(_shortened(printable(redacted("".join(traceback.format_exception(error))))))
    else:
        _to_stderr(f"{name}: {redacted(one_line(error))}\n")
    _report(error, code)
    return int(code)


def one_line(error: BaseException) -> str:
    """The message of `error`; its class too, when it is not one of ours and the message alone may mean little.

    For a disk that takes nothing it names the file, the cause and what to do.
    """
    text = str(error)
    if isinstance(error, OSError) and error.errno in _CURES_OF_A_FILE and isinstance(error.filename, str):
        return quoted(f"cannot read or write '{error.filename}': {error.strerror}; {_AWAY}", LONGEST_MESSAGE)
    if isinstance(error, OSError) and error.errno in _CURES and type(error).__module__ == "builtins":
        where = f" '{error.filename}'" if error.filename is not None else ""
        what = "read or write" if error.errno in (errno.EIO, errno.EACCES, errno.EPERM) else "write"
        return f"cannot {what}{where}: {error.strerror}; {_CURES[error.errno]}"
    words = text if isinstance(error, NightdeskError) and text else f"{type(error).__qualname__}: {text}"
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in _CURES and words.endswith(str(cause.strerror)):
        words += f"; {_CURES[cause.errno]}"
    return quoted(words, LONGEST_MESSAGE)


def _shortened(text: str) -> str:
    """A traceback without its middle when it is endless: what a library puts into a message may be a whole page."""
    half = LONGEST_TRACEBACK // 2
    return text if len(text) <= 2 * half else f"{text[:half]}\n[…]\n{text[-half:]}"


def _report(error: BaseException, code: int) -> None:
    if isinstance(error, ExternalDataUnavailable):
        report_outcome(code, kind=error.kind, provider=error.provider, symbol=error.symbol, detail=error.detail)
        return
    kind = None
    if code == ExitCode.EXTERNAL:
        from utils import exception_kinds

        kind = exception_kinds.kind_of(error)
    report_outcome(code, kind=kind, detail=one_line(error))


def _to_stderr(text: str) -> None:
    """Print `text`; a closed or full stderr must not change the exit code."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if sys.stdout is not None:
            sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _reader_gone(fd: int) -> bool:
    """Whether `fd` is a pipe without a reader; a BrokenPipeError may also come from a socket."""
    poll = select.poll()
    with contextlib.suppress(OSError):
        poll.register(fd, select.POLLOUT)
        return any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
    return True


def _silence_stdout() -> None:
    """Point fd 1 at /dev/null, so that the interpreter's own flush at exit has nothing to complain about."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
