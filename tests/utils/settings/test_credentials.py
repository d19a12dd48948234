"""Secrets come by name from files that nobody else can read; they are parsed, never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.errors import ConfigError
from utils.settings import credentials


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.delenv("KRX_PW", raising=False)
    return tmp_path


def put(path: Path, text: str, mode: int = 0o600) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KRX_PW=secret", "secret"),
        ("export KRX_PW='se cr#et'", "se cr#et"),
        ('KRX_PW = "a=b"  # since May', "a=b"),
        ("KRX_PW=abc # comment", "abc"),
        ("KRX_PW=$(touch /tmp/owned)`id`", "$(touch /tmp/owned)`id`"),
        ("KRX_PW=비밀#1", "비밀#1"),
    ],
)
def test_a_line_is_read_as_a_shell_would_quote_it_and_nothing_is_run(home: Path, line: str, value: str) -> None:
    put(home / ".env", f"# mine\n\nOTHER=1\n{line}\n")
    assert credentials.find("KRX_PW") == value


def test_the_environment_wins_then_the_secret_folder_then_the_root(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home / ".env", "KRX_PW=root\n")
    assert credentials.find("KRX_PW") == "root"
    put(home / "secret" / ".env", "KRX_PW=folder\n")
    assert credentials.find("KRX_PW") == "folder"
    monkeypatch.setenv("KRX_PW", "environment")
    assert credentials.find("KRX_PW") == "environment"


def test_a_file_that_others_may_read_is_refused_and_the_message_says_what_to_do(home: Path) -> None:
    put(home / ".env", "KRX_PW=hidden-value\n", 0o640)
    with pytest.raises(ConfigError, match="chmod 600") as refusal:
        credentials.find("KRX_PW")
    assert "hidden-value" not in str(refusal.value)


def test_a_line_that_is_no_assignment_is_named_by_number_and_not_shown(home: Path) -> None:
    put(home / ".env", "A=1\nhidden value\n")
    with pytest.raises(ConfigError, match=r"\.env:2: not NAME=value") as refusal:
        credentials.find("KRX_PW")
    assert "hidden" not in str(refusal.value)


@pytest.mark.usefixtures("home")
def test_what_is_nowhere_is_none() -> None:
    assert credentials.find("KRX_PW") is None


def test_alpaca_s_keys_are_read_by_either_spelling_and_its_own_wins(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "ALPACA_API_KEY", "ALPACA_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    put(home / ".env", "ALPACA_API_KEY=seed-key\nALPACA_API_SECRET=seed-secret\n")
    pair = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
    assert [credentials.for_provider(name) for name in pair] == ["seed-key", "seed-secret"]
    put(home / ".env", "APCA_API_KEY_ID=own-key\nALPACA_API_KEY=seed-key\nALPACA_API_SECRET=seed-secret\n")
    assert [credentials.for_provider(name) for name in pair] == ["own-key", "seed-secret"]
