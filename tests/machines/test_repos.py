"""Repositories that run together, at pinned commits, with real git and real origins."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyjobs import live_step, repos
from pyjobs.runs.verdict import repos as pinned_repos
from pyjobs.runs.verdict.repos import check_repos, read
from utils.errors import BadDataError, ConfigError, ExternalDataUnavailable, MissingInputError, UsageError

ENV = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *words: str) -> str:
    env = {**os.environ, **ENV, "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(["git", "-C", str(folder), *words], env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, text: str, *push: str) -> str:
    (folder / "a.txt").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", text)
    git(folder, "push", "-q", *push, "origin", "main")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two clones in one folder, each with an origin."""
    made = tmp_path / "home"
    for name in ("stream", "api"):
        (made / name).mkdir(parents=True)
        git(tmp_path, "init", "-q", "--bare", "-b", "main", f"{name}.git")
        git(made / name, "init", "-q", "-b", "main")
        git(made / name, "remote", "add", "origin", f"file://{tmp_path}/{name}.git")
        commit(made / name, "one")
    monkeypatch.setenv("NIGHTDESK_HOME", str(made))
    return made


def test_what_is_pinned_is_what_another_machine_gets(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repos.main(["lock", "stream=stream", "api=api"]) == 0
    pinned = {each.name: each.commit for each in read(home)}
    assert repos.main(["check"]) == 0
    assert [check.state for check in check_repos(home)] == ["OK"]
    later = commit(home / "api", "two")
    with pytest.raises(
        ConfigError, match=rf"1 of 2 are not as pinned: api: .* is at {later[:9]}, pinned is {pinned['api'][:9]}"
    ):
        repos.main(["check"])
    assert [(check.name, check.state) for check in check_repos(home)] == [("repos api", "FAIL"), ("repos", "OK")]
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(home / "repos.lock", other)
    monkeypatch.setenv("NIGHTDESK_HOME", str(other))
    capsys.readouterr()
    assert repos.main(["sync"]) == 0
    assert capsys.readouterr().out == "".join(f"{name}: cloned, at {pinned[name][:9]}\n" for name in ("stream", "api"))
    assert repos.main(["check"]) == 0
    monkeypatch.setenv("NIGHTDESK_HOME", str(home))
    assert repos.main(["lock"]) == 0  # the same ones anew
    shutil.copy(home / "repos.lock", other)
    monkeypatch.setenv("NIGHTDESK_HOME", str(other))
    assert repos.main(["sync"]) == 0
    assert git(other / "api", "rev-parse", "HEAD") == later


def test_edits_another_origin_and_a_commit_that_is_gone_are_refused_and_the_others_are_synced(
    home: Path, tmp_path: Path
) -> None:
    assert repos.main(["lock", "stream=stream", "api=api"]) == 0
    (home / "stream/a.txt").write_text("edited")
    first = commit(home / "api", "two")
    with pytest.raises(ConfigError, match=r"has edits, the first is 'a\.txt'"):
        repos.main(["sync"])
    assert git(home / "api", "rev-parse", "HEAD") != first  # back to what is pinned
    assert (home / "stream/a.txt").read_text() == "edited"
    with pytest.raises(ConfigError, match="has edits"):
        repos.main(["lock"])
    git(home / "stream", "restore", ".")
    index = (home / "stream/.git/index").read_bytes()
    (home / "stream/.git/index").write_bytes(index[: len(index) // 2])
    for words in (["check"], ["sync"], ["lock"]):  # git sees no edit, and cannot
        with pytest.raises(ConfigError, match=r"git does not say what is edited there.*git status"):
            repos.main(words)
    (home / "stream/.git/index").write_bytes(index)
    git(home / "stream", "remote", "set-url", "origin", "https://a:secret@example.com/x.git")
    with pytest.raises(ConfigError, match=r"comes from https://…@example\.com/x\.git, pinned is"):
        repos.main(["sync"])
    with pytest.raises(ConfigError, match="holds a password"):
        repos.main(["lock", "stream=stream"])
    text = (home / "repos.lock").read_text()
    (home / "repos.lock").write_text(text.replace(read(home)[1].commit, "0" * 40).replace("stream\tstream", "x\tgone"))
    shutil.rmtree(tmp_path / "stream.git")
    with pytest.raises(ExternalDataUnavailable):
        repos.main(["sync"])
    git(home / "stream", "remote", "set-url", "origin", "ssh://git@127.0.0.1/place.git")
    git(home / "stream", "config", "core.sshCommand", "echo key=mine >&2; false")  # a key of its own
    (home / "repos.lock").write_text("x\tstream\tssh://git@127.0.0.1/place.git\t" + "0" * 40 + "\n")
    with pytest.raises(ExternalDataUnavailable, match="key=mine"):
        repos.main(["sync"])
    (home / "repos.lock").write_text("api\tapi\t" + f"file://{tmp_path}/api.git\t" + "0" * 40 + "\n")
    with pytest.raises(BadDataError, match="has no commit 000000000 any more"):
        repos.main(["sync"])


def test_what_its_origin_has_not_is_not_pinned(home: Path) -> None:
    (home / "api/b.txt").touch()
    git(home / "api", "add", "-A")
    git(home / "api", "commit", "-qm", "not pushed")
    with pytest.raises(ConfigError, match=r"which '.*' has not: git push first"):
        repos.main(["lock", "api=api"])
    assert not (home / "repos.lock").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\tb\tc\n", "line 1: 3 fields, not 4"),
        ("# x\na\tb\tc\tmain\n", "line 2: 'main' is no commit"),
        ("a\tb\tc\t" + "0" * 40 + "\na\tb\tc\t" + "0" * 40 + "\n", "line 2: the name 'a' stands there twice"),
        ("a\tb\thttps://u:p@h/x\t" + "0" * 40 + "\n", "line 1: the origin of 'a' holds a password"),
    ],
)
def test_a_line_that_pins_nothing_is_named(home: Path, text: str, said: str) -> None:
    (home / "repos.lock").write_text(text)
    with pytest.raises(ConfigError, match=said):
        repos.main(["check"])
    assert [check.state for check in check_repos(home)] == ["FAIL"]


def test_without_a_lock_nothing_is_looked_at(home: Path) -> None:
    assert list(check_repos(home)) == []
    with pytest.raises(MissingInputError):
        repos.main(["check"])
    with pytest.raises(UsageError):
        repos.main(["check", "a=b"])


def test_a_start_asks_git_only_about_what_has_changed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pinned_repos.warnings(home) == []
    assert repos.main(["lock", "stream=stream", "api=api"]) == 0
    path = os.environ["PATH"]
    for _ in range(2):
        assert pinned_repos.warnings(home) == []
        monkeypatch.setenv("PATH", str(tmp_path))  # no git is there: it is not asked
    (home / "api/a.txt").write_text("two")  # as long as before
    assert [line.split(":")[0] for line in pinned_repos.warnings(home)] == ["repos api"]
    monkeypatch.setenv("PATH", path)
    said = ["api: '{}': 1 tracked files are edited, the first is 'a.txt'", "api: '{}' is at {}, pinned is {}"]
    told = pinned_repos.warnings(home)
    assert told == [f"repos {said[0].format(home / 'api')}: python -m pyjobs.repos sync"]
    assert live_step.main(["--all"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"[WARN] {told[0]}"
    later = commit(home / "api", "two")
    pinned = read(home)[1].commit
    assert pinned_repos.warnings(home) == [
        f"repos {said[1].format(home / 'api', later[:9], pinned[:9])}: python -m pyjobs.repos sync"
    ]
    assert repos.main(["sync"]) == 0 and pinned_repos.warnings(home) == []
    (home / "data/repos_seen.json").write_text('{"api": {"line": 1}}')
    assert pinned_repos.warnings(home) == []
    (home / "repos.lock").write_text("api\n")
    assert "line 1: 1 fields, not 4" in pinned_repos.warnings(home)[0]


def test_an_environment_has_repositories_of_its_own(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was pinned beside the builder's clone would be one folder for staging and prod."""
    assert repos.main(["lock", f"stream={home}/stream", "api=api"]) == 0
    release = tmp_path / "prod/releases/v1"
    release.mkdir(parents=True)
    shutil.copy(home / "repos.lock", release)
    (tmp_path / "prod/current").symlink_to("releases/v1")
    (tmp_path / "prod/repos.lock").symlink_to("current/repos.lock")
    monkeypatch.delenv("NIGHTDESK_HOME")
    monkeypatch.setattr("utils.paths.ROOT", release)
    before = git(home / "stream", "rev-parse", "HEAD")
    commit(home / "stream", "later")
    assert repos.main(["sync"]) == 0 and repos.main(["check"]) == 0
    assert git(tmp_path / "prod/repos/stream", "rev-parse", "HEAD") == before
    assert (tmp_path / "prod/api/a.txt").read_text() == "one"
    with pytest.raises(ConfigError, match="came with its release: repos lock where that is built"):
        repos.main(["lock"])
