"""Files of ours, opened without waiting: what else may lie in their place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from utils.files import os_files


def test_what_is_no_file_is_named_and_stays_not_open(tmp_path: Path) -> None:
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    for path in (folder, pipe):
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(OSError) as raised:
            os_files.held_bytes(path)
        assert raised.value.filename == str(path)
        del raised
        assert len(list(Path("/proc/self/fd").iterdir())) == before
