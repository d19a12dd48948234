"""Bars that a PC has fetched reach the server over a real sshd and a real rsync, verified, and change nothing there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pyjobs import take_data
from pyjobs.machines import pushing
from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.bar_store import BarStore
from tests.machines.support.sshd import Server
from tests.market.store.test_arrivals import KEY, days, put
from utils.errors import BadDataError

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "batch/push_data.sh"
OTHER = SeriesKey(exchange="BITFINEX", symbol="BTC/USD", timeframe="1h")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """The server's clone, at a path with a blank and a quote in it; its code and environment are ours."""
    clone = tmp_path / "the server's box/nightdesk"
    (clone / ".venv/bin").mkdir(parents=True)
    for name in ("pyjobs", "utils"):
        (clone / name).symlink_to(ROOT / name)
    python = clone / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return clone


def store(home: Path) -> BarStore:
    return BarStore(home / "data/raw", locks=home / "locks")


def environment(server: Server, box: Path, pc: Path) -> dict[str, str]:
    return server.env(TARGET=f"{server.remote}:{box}", NIGHTDESK_HOME=str(pc), PYTHONBIN=sys.executable)


def push(server: Server, box: Path, pc: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *flags], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        env=environment(server, box, pc),
    )  # fmt: skip


def test_what_a_pc_has_fetched_is_added_on_the_server_and_only_what_differs_travels(
    server: Server, box: Path, tmp_path: Path
) -> None:
    pc = tmp_path / "pc"
    put(store(pc), days(0, 800))
    put(store(box), days(300, 500))
    dry = push(server, box, pc, "--dry-run")
    assert dry.returncode == 0 and dry.stdout.startswith("3 partitions to send, "), dry.stderr
    assert not (pc / "data/outgoing").exists() and len(store(box).read(KEY)) == 200
    done = push(server, box, pc)
    assert done.returncode == 0, done.stderr
    assert "1 series arrived, 600 bars added" in done.stdout
    assert np.array_equal(store(box).read(KEY).close, days(0, 800).close)
    assert list((box / "data/incoming").iterdir()) == [] and not (pc / "data/outgoing").exists()


def test_what_a_take_leaves_that_is_killed_at_its_end_is_no_damaged_push(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "box"))
    put(store(tmp_path / "pc"), days(0, 5))
    raw = tmp_path / "pc/data/raw"
    sent = pushing.packed(raw, tmp_path / "box/data/incoming", pushing.lacking(raw, {}, ""))

    def killed(folder: Path) -> None:
        next(folder.rglob("*.parquet")).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("shutil.rmtree", killed)
        take_data.main([])
    assert sent.is_dir() and take_data.main([]) == 0


def test_bars_of_another_format_wait_until_both_have_one_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "box"))
    put(store(tmp_path / "pc"), days(0, 5))
    raw = tmp_path / "pc/data/raw"
    (tmp_path / "pc/data/migrated").write_text("2\n")
    sent = pushing.packed(raw, tmp_path / "box/data/incoming", pushing.lacking(raw, {}, ""))
    with pytest.raises(BadDataError, match="has format 2, what is stored here 1: the same version on both"):
        take_data.main([])
    assert sent.is_dir() and not (tmp_path / "box/data/raw").exists()


def test_a_series_that_does_not_fit_is_named_and_the_others_are_taken(
    server: Server, box: Path, tmp_path: Path
) -> None:
    pc = tmp_path / "pc"
    put(store(pc), days(0, 90, factor=2.0))
    store(pc).write(OTHER, days(0, 9), provider="p", fetched_at_ms=1, adjusted="raw", last_final=True)
    put(store(box), days(0, 50))
    done = push(server, box, pc)
    assert done.returncode == 65
    assert "YAHOO:AAPL:1d" in done.stdout and "2 times as high" in done.stdout
    assert len(store(box).read(OTHER)) == 9 and len(store(box).read(KEY)) == 50
    only = push(server, box, pc, "--exchange", "BITFINEX")
    assert only.returncode == 0 and only.stdout.startswith("0 partitions to send"), only.stderr


@pytest.mark.torture
def test_a_push_killed_at_any_moment_adds_whole_series_or_none_and_the_next_one_ends(
    server: Server, box: Path, tmp_path: Path
) -> None:
    pc = tmp_path / "pc"
    put(store(pc), days(0, 2000))
    for moment_s in np.linspace(0.1, 3.0, 30):
        begun = subprocess.Popen(
            ["bash", str(SCRIPT)], env=environment(server, box, pc), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(moment_s)
        os.killpg(begun.pid, signal.SIGKILL)
        begun.wait()
    done = push(server, box, pc)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(store(box).read(KEY).ts_ms, days(0, 2000).ts_ms)


@pytest.mark.parametrize(
    ("target", "code", "told"),
    [
        ("", 64, "TARGET=user@host:/path/to/nightdesk"),
        ("nas", 64, "TARGET=user@host:/path/to/nightdesk"),
        ("-oProxyCommand=x:/y", 64, "is not user@host"),
        ("{remote}:/no/such/folder", 66, "does not report which bars it has in '/no/such/folder'"),
    ],
)
def test_a_target_that_is_none_is_named(server: Server, tmp_path: Path, target: str, code: int, told: str) -> None:
    pc = tmp_path / "pc"
    put(store(pc), days(0, 9))
    done = subprocess.run(
        ["bash", str(SCRIPT)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        env=environment(server, tmp_path, pc) | {"TARGET": target.format(remote=server.remote)},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert told in done.stderr
