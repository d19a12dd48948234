"""A home with the sample market, a night and a backtest, made once by the verbs themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from utils import paths

NOW_S = "1719600000"  # 28 June 2024, 18:40 UTC
DESK = "config/desk.sample.yaml"


def run_verb(home: Path, verb: str, *args: str, code: int = 0) -> str:
    env = {**os.environ, "NIGHTDESK_HOME": str(home), "ALLOW_NET_FETCH": "0", "NIGHTDESK_NOW": NOW_S}
    done = subprocess.run(
        [sys.executable, "-m", f"pyjobs.{verb}", *args],
        cwd=paths.ROOT, env=env, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    run_verb(home, "make_sample", "--end", "2024-06-28")
    run_verb(home, "nightly", "--desk", DESK)
    run_verb(home, "run_bt", "--desk", DESK, "--strategy", "ma_cross", "--benchmarks", "SMPIDX")
    logs = home / "logs"
    logs.mkdir(exist_ok=True)
    line = (
        '{"job":"scanner","instance":"","session":"2024-06-28","start":1719599990,"end":1719599995,"attempts":1,'
        '"code":0,"outcome":"skip:rate_limit","log":"logs/scanner_2024-06-28.log","kind":"rate_limit"}\n'
    )
    (logs / "history.jsonl").write_text(line + "torn\n")
    return home


@pytest.fixture
def home(sample: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(sample))
    monkeypatch.setenv("NIGHTDESK_NOW", NOW_S)
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    return sample
