"""Files that are old or new: what a failed write leaves, and what it is called in the error."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from utils.files import atomic


def full(temporary: Path) -> None:
    """As a disk that is full after the first bytes."""
    temporary.write_bytes(b"ha")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary))


def nameless(_: Path) -> None:
    """As pyarrow and fsync report it."""
    raise OSError(errno.EIO, "Error writing bytes to file")


@pytest.mark.parametrize(("write", "cause"), [(full, errno.ENOSPC), (nameless, errno.EIO)])
def test_a_failed_write_names_the_file_that_was_meant_and_leaves_the_old_one_alone(
    tmp_path: Path, write: object, cause: int
) -> None:
    path = tmp_path / "bars"
    path.write_bytes(b"old")
    with pytest.raises(OSError) as raised:
        atomic.write_atomic(path, write)  # type: ignore[arg-type]  # one of the two above
    assert (raised.value.errno, raised.value.filename) == (cause, str(path))
    assert raised.value.strerror == os.strerror(cause)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("bars", b"old")]


def test_a_pipe_or_a_device_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        atomic.write_text(link, "one\n")
        atomic.write_atomic(pipe, lambda path: path.write_text("two\n"))
        assert os.read(reader, 100) == b"one\ntwo\n"
    finally:
        os.close(reader)
    assert (pipe.is_fifo(), link.is_symlink(), len(list(tmp_path.iterdir()))) == (True, True, 2)


def test_standard_output_that_is_sent_to_a_file_is_not_replaced(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        link = tmp_path / "stdout"
        link.symlink_to(f"/proc/self/fd/{file.fileno()}")
        with pytest.raises(OSError, match="pass that file's name instead"):
            atomic.write_text(link, "text")
    assert (link.is_symlink(), (tmp_path / "file").read_text(), len(list(tmp_path.iterdir()))) == (True, "", 2)


def test_an_error_about_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        atomic.write_atomic(tmp_path / "bars", lambda _: (tmp_path / "missing").read_bytes())


def test_sweeping_takes_the_half_written_of_one_name_or_of_all_and_nothing_else(tmp_path: Path) -> None:
    kept = {"a.json", "b.json", ".hidden"}
    for name in (*kept, ".a.json.tmp-1-ff", ".b.json.tmp-2-ff"):
        (tmp_path / name).touch()
    atomic.sweep(tmp_path, "a.json")
    assert {path.name for path in tmp_path.iterdir()} == {*kept, ".b.json.tmp-2-ff"}
    atomic.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept
