"""`run` is what every verb ends in: the exit code, the words on stderr and the outcome line."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from utils.errors import CannotWriteError, ConfigError, ExternalDataUnavailable, StaleDataError
from utils.run import outcome_line, redacted, report_outcome, run

ROOT = Path(__file__).resolve().parents[2]


def failing(error: BaseException):
    def main(_argv: Sequence[str] | None = None) -> int:
        raise error

    return main


def outcome_of(main, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict | None]:
    reading, writing = os.pipe()
    monkeypatch.setenv("OUTCOME_FD", str(writing))
    try:
        code = run(main)
    finally:
        os.close(writing)
    with os.fdopen(reading) as handle:
        text = handle.read()
    return code, json.loads(text) if text else None


def test_a_foreseen_error_is_one_line_and_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(ConfigError("desk.yaml: accounts: missing"))) == 78
    captured = capsys.readouterr()
    assert captured.err == "test_run: desk.yaml: accounts: missing\n"


@pytest.mark.parametrize(
    ("cause", "code", "says"),
    [
        ("ENOSPC", 73, "cannot write '/data/x': No space left on device; free some space there and start it again"),
        ("EROFS", 73, "cannot write '/data/x': Read-only file system; make that disk writable"),
        ("EIO", 73, "cannot read or write '/data/x': Input/output error; the disk or its connection fails (see dmesg)"),
        ("EACCES", 77, "cannot read or write '/data/x': Permission denied; let the user of this job have it"),
    ],
)
def test_a_disk_that_takes_nothing_is_told_by_file_cause_and_cure(
    capsys: pytest.CaptureFixture[str], cause: str, code: int, says: str
) -> None:
    number = getattr(errno, cause)
    assert run(failing(OSError(number, os.strerror(number), "/data/x"))) == code
    assert capsys.readouterr().err.startswith(f"test_run: {says}")


def test_a_full_disk_has_its_cure_also_where_a_verb_has_said_which_file(capsys: pytest.CaptureFixture[str]) -> None:
    def job(_: Sequence[str] | None) -> int:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "/data/x")
        except OSError as error:
            raise CannotWriteError(f"cannot write '/data/x': {error.strerror}") from error

    assert run(job) == 73
    cure = "No space left on device; free some space there and start it again\n"
    assert capsys.readouterr().err == f"test_run: cannot write '/data/x': {cure}"


def test_a_bug_is_a_full_traceback_and_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(KeyError("close"))) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_external_failure_reports_kind_provider_and_symbol(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ExternalDataUnavailable("rate_limit", provider="yf_index", symbol="^KS11", detail="429, retry after 30 s")
    code, outcome = outcome_of(failing(error), monkeypatch)
    assert code == 69
    assert outcome == {
        "code": 69,
        "kind": "rate_limit",
        "provider": "yf_index",
        "symbol": "^KS11",
        "detail": "429, retry after 30 s",
    }


def test_a_failure_of_ours_has_no_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    code, outcome = outcome_of(failing(StaleDataError("SMP001: last bar 2026-11-18")), monkeypatch)
    assert code == 2
    assert outcome is not None
    assert (outcome["code"], outcome["kind"]) == (2, None)


def test_success_reports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome_of(lambda _argv=None: 0, monkeypatch) == (0, None)


def test_a_returned_code_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    code, outcome = outcome_of(lambda _argv=None: 2, monkeypatch)
    assert (code, outcome and outcome["code"]) == (2, 2)


def test_an_interrupt_is_130() -> None:
    assert run(failing(KeyboardInterrupt())) == 130


def test_system_exit_passes_through() -> None:
    with pytest.raises(SystemExit) as caught:
        run(failing(SystemExit(64)))
    assert caught.value.code == 64


@pytest.mark.parametrize("value", ["", "x", "-1", "999", "99999999999999999999"])
def test_a_wrong_outcome_fd_changes_nothing(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTCOME_FD", value)
    assert run(failing(ConfigError("bad"))) == 78


def test_a_full_pipe_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(writing, True)
    monkeypatch.setenv("OUTCOME_FD", str(writing))
    report_outcome(69, kind="outage")
    os.close(reading)
    os.close(writing)


def test_an_outcome_line_is_whole_json_of_at_most_4096_bytes() -> None:
    line = outcome_line({"code": 69, "kind": "outage", "provider": "p" * 5000, "symbol": None, "detail": "가" * 5000})
    assert len(line) <= 4096
    assert line.endswith(b"\n")
    assert json.loads(line)["kind"] == "outage"


def test_secrets_in_urls_are_not_printed() -> None:
    assert (
        redacted("GET https://u:pa55@h/x?apiKey=abc&t=1&token=zzz") == "GET https://u:***@h/x?apiKey=***&t=1&token=***"
    )
    assert redacted("https://ghp_0123456789abcdef@h/x ssh://git@h/x") == "https://***@h/x ssh://git@h/x"
    for said, left in {
        "> Authorization: Basic dTpw\n> Accept: */*": "> Authorization: ***\n> Accept: */*",
        "{'Proxy-Authorization': b'Bearer abc.def', 'x': 1}": "{'Proxy-Authorization': b'***', 'x': 1}",
        "Set-Cookie: A=b; c=d\r\nLocation: https://h/?token=abc": "Set-Cookie: ***\r\nLocation: https://h/?token=***",
        "apca-api-secret-key: zzzz": "apca-api-secret-key: ***",
    }.items():
        assert redacted(said) == left


def test_a_reader_that_went_away_is_quiet() -> None:
    program = (
        "import sys\nfrom utils.run import run\n"
        "def main(argv=None):\n"
        "    for i in range(100000):\n        print('row', i)\n    return 0\n"
        "sys.exit(run(main))\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout and child.stderr
        child.stdout.readline()
        child.stdout.close()
        said = child.stderr.read()
        assert (child.wait(), said) == (141, b"")


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_what_a_verb_writes_only_its_user_may_change_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        assert run(lambda _: (tmp_path / "made").mkdir() or 0, []) == 0
    finally:
        os.umask(before)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o755
