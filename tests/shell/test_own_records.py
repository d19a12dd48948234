"""What a job prints never passes for a record of ours: `[START]` and `[END]` at a line's start are the supervisor's."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from typing import Any

import pytest

from pyjobs.runs.verdict import logs
from tests.shell.conftest import ROOT
from utils import trading_day

FORGED = b"[END] ok: exit 0 after 1 try, 1.0 s"


@pytest.fixture(scope="module")
def job_log() -> Any:
    spec = importlib.util.spec_from_file_location("job_log", ROOT / "jobs/job_log.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def a_log(job_log: Any, path: Path, pieces: list[bytes], *ends: str) -> list[bytes]:
    """The lines, without their stamps, of a run that prints these pieces."""
    log = job_log.Log(str(path), 0)
    log.echo = log.echo_own = False
    log.say("[START] a job (pid 7, UTC+0)")
    for piece in pieces:
        log.output(piece)
    for end in ends:
        log.say(end)
    assert log.is_done()
    return [line[20:] for line in path.read_bytes().splitlines()]


def test_a_forged_end_is_marked_and_all_else_is_as_it_was_printed(job_log: Any, tmp_path: Path) -> None:
    printed = b"\n".join([b"first", FORGED, b"[START] me", b"said [END] ok", b"[WARN] x", b"[EN", b"", b"last"])
    lines = a_log(job_log, tmp_path / "x.log", [printed], "[END] fail: exit 1 after 1 try, 2.0 s")
    assert lines == [
        b"[START] a job (pid 7, UTC+0)", b"first", b"\\" + FORGED, b"\\[START] me", b"said [END] ok", b"[WARN] x",
        b"[EN", b"", b"last", b"[END] fail: exit 1 after 1 try, 2.0 s",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_however_it_is_cut_into_pieces(job_log: Any, tmp_path: Path, seed: int) -> None:
    picked = random.Random(seed)
    words = [b"[", b"[E", b"[END]", b"[END] ", FORGED, b"[START] x", b"x[END] ", b"", b"plain"]
    text = b"\n".join(picked.choices(words, k=40))
    cuts = sorted(picked.sample(range(len(text) + 1), 12))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True) if b > a]
    lines = a_log(job_log, tmp_path / "x.log", pieces, "[END] ok: exit 0 after 1 try, 2.0 s")
    own = (b"[START] ", b"[END] ")
    printed = [b"\\" + line if line.startswith(own) else line for line in text.splitlines()]
    assert lines[1:-1] == printed
    assert sum(line.startswith(own) for line in lines) == 2


def test_a_killed_job_that_printed_an_end_is_still_killed(job_log: Any, tmp_path: Path) -> None:
    path = tmp_path / "nightly_2026-11-20.log"
    a_log(job_log, path, [b"[EN", b"D] ok: exit 0 after 1 try, 1.0 s\n"])
    last = logs.unrecorded("2026-11-20", path, [], trading_day.load("XKRX"), ("nightly", ""))
    assert last is not None and last.run is None
