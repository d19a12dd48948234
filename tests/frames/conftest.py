"""A home with the sample market, a night and a backtest, made once by the verbs themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.verb_process import run_verb

NOW_S = "1719600000"  # 28 June 2024, 18:40 UTC
DESK = "config/desk.sample.yaml"


def said_by(home: Path, verb: str, *args: str, code: int = 0) -> str:
    env = {**os.environ, "NIGHTDESK_HOME": str(home), "ALLOW_NET_FETCH": "0", "NIGHTDESK_NOW": NOW_S}
    done = run_verb(verb, *args, env=env)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    said_by(home, "make_sample", "--end", "2024-06-28")
    said_by(home, "nightly", "--desk", DESK)
    said_by(home, "run_bt", "--desk", DESK, "--strategy", "ma_cross", "--benchmarks", "SMPIDX")
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
