"""Environments of releases: their own ports and folders, older releases, schedules, and health."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pyjobs.machines import environments, installing
from pyjobs.runs import released
from pyjobs.runs.provenance import code
from pyjobs.runs.verdict.places import git_head
from tests.machines.support.releases import (
    Bench,
    bench,  # noqa: F401  # a fixture
    template,  # noqa: F401  # a fixture
)
from utils import paths
from utils.errors import BadDataError, ConfigError, LockBusyError, MissingInputError, NightdeskError, UsageError


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["build", "v9"], MissingInputError, r"has no tag 'v9' \(it has v2, v1\)"),
        (["build", "../v1"], UsageError, "is no tag of a release"),
        (["install", "STAGING", "/nowhere"], MissingInputError, "there is no release '/nowhere'"),
        (["install", "/nowhere", "/nowhere"], MissingInputError, "'/nowhere' is no environment"),
        (["promote", "STAGING", "PROD"], MissingInputError, "nothing runs in '.*staging'"),
        (["promote", "STAGING", "STAGING"], ConfigError, "have the same root"),
        (["rollback", "STAGING"], MissingInputError, r"has no earlier one: .*\(no other is kept\)"),
        (["rollback", "STAGING", "v7"], MissingInputError, r"'v7' is not kept in .* \(it has none\)"),
        (["init", "STAGING", "--name", "x", "--port", "1", "--signers", "SIGNERS"], UsageError, "is there already"),
        (
            ["init", "THIRD", "--name", "x", "--port", "15434", "--signers", "SIGNERS"],
            ConfigError,
            "same port, '15434'",
        ),
        (["init", "THIRD", "--name", "prod", "--port", "1", "--signers", "SIGNERS"], ConfigError, "same name, 'prod'"),
        (["list", "STAGING", "v1"], UsageError, "list takes 0 to 1 words"),
    ],
)
def test_what_cannot_be_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, words: Sequence[str], error: type[NightdeskError], said: str
) -> None:
    monkeypatch.setenv("RELEASE_KEY", str(bench.key))
    named = {
        "THIRD": bench.prod.with_name("third"),
        "STAGING": bench.staging,
        "PROD": bench.prod,
        "SIGNERS": bench.signers,
    }
    with pytest.raises(error, match=said):
        bench.release(*[named.get(word, word) for word in words])


def test_environments_that_share_something_are_refused(bench: Bench) -> None:
    bench.release("install", bench.staging, bench.built("v1"))
    own = (bench.prod / ".env").read_text()
    (bench.prod / ".env").write_text(own.replace("15434", "15433"))
    for words in (["promote", bench.staging, bench.prod], ["install", bench.prod, bench.built("v2")]):
        with pytest.raises(ConfigError, match="have the same port, '15433'"):
            bench.release(*words)
    (bench.prod / ".env").write_text(own + "DATABASE_URL=postgresql://a\n")
    with (bench.staging / ".env").open("a") as file:
        file.write("DATABASE_URL=postgresql://a\n")
    with pytest.raises(ConfigError, match="have the same DATABASE_URL"):
        bench.release("promote", bench.staging, bench.prod)
    (bench.prod / ".env").write_text(own)
    shutil.rmtree(bench.prod / "secret")
    (bench.prod / "secret").symlink_to(bench.staging / "secret")
    with pytest.raises(ConfigError, match="are one and the same"):
        bench.release("promote", bench.staging, bench.prod)
    assert not (bench.prod / "current").is_symlink()


def test_an_environment_in_another_folder_and_a_program_that_listens_have_their_port_too(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    far = [tmp_path / "srv" / "one", tmp_path / "opt" / "two"]
    for folder in far:
        folder.parent.mkdir()
    round_about = bench.clone / ".." / ".." / "srv" / "one"
    bench.release("init", round_about, "--name", "one", "--port", 15435, "--signers", bench.signers)
    assert f"NIGHTDESK_HOME={far[0]}\n" in (far[0] / "config/env.local.sh").read_text()  # the clone may go
    with pytest.raises(ConfigError, match=r"srv/one' have the same port, '15435'"):
        bench.release("init", far[1], "--name", "two", "--port", 15435, "--signers", bench.signers)
    with pytest.raises(ConfigError, match=r"srv/one' have the same name, 'one'"):
        bench.release("init", far[1], "--name", "one", "--port", 15436, "--signers", bench.signers)
    (bench.prod / ".env").write_text((bench.prod / ".env").read_text().replace("15434", "15435"))
    with pytest.raises(ConfigError, match=r"srv/one' have the same port, '15435'"):
        bench.release("install", bench.prod, bench.built("v1"))
    shutil.rmtree(far[0])
    bench.release("init", far[1], "--name", "two", "--port", 15435, "--signers", bench.signers)
    assert environments.known().read_text() == f"{far[1]}\n"  # what is gone was taken out
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of this machine is in use already: another one"):
            bench.release("init", far[0], "--name", "one", "--port", port, "--signers", bench.signers)
    assert not far[0].exists()
    before = (far[1] / ".env").read_text()
    environments.known().write_bytes(f"{far[1]}\n".encode() + b"\0" * 9)  # as a crash leaves a file
    (far[1] / ".env").write_text("garbage\n")
    with pytest.raises(ConfigError, match=r"opt/two/.env': COMPOSE.* must be in it \(its name and port .*, or move '"):
        bench.release("init", far[0], "--name", "one", "--port", 15437, "--signers", bench.signers)
    (far[1] / ".env").write_text(before)
    environments.known().unlink()
    environments.known().mkdir()
    capsys.readouterr()
    bench.release("init", far[0], "--name", "one", "--port", 15437, "--signers", bench.signers)
    assert "[WARN] not entered in the list of environments: " in capsys.readouterr().out


def test_a_tag_that_has_moved_is_no_release_of_that_name(bench: Bench) -> None:
    bench.release("install", bench.staging, bench.built("v1"))
    bench.git("tag", "-f", "v1", "v2")
    with pytest.raises(ConfigError, match="a release is never another one; take another tag"):
        bench.built("v1")
    shutil.rmtree(bench.clone / "data/releases/v1")
    with pytest.raises(ConfigError, match=r"has another release 'v1' .* a tag is one release only"):
        bench.release("install", bench.staging, bench.built("v1"))
    assert bench.runs(bench.staging) == "1"


def test_a_release_that_cannot_read_what_is_stored_is_not_gone_back_to(bench: Bench) -> None:
    for tag in ("v1", "v2"):
        bench.release("install", bench.staging, bench.built(tag))
    (bench.staging / "data/format").write_text("2\n")
    with pytest.raises(ConfigError, match=r"has format 2, and release 'v1' reads up to 1"):
        bench.release("rollback", bench.staging)
    assert bench.runs(bench.staging) == "2"


def test_edited_code_of_a_release_is_told_by_health_and_mended_by_installing_it_anew(bench: Bench) -> None:
    bench.release("install", bench.staging, bench.built("v1"))
    bench.release("install", bench.staging, bench.built("v2"))
    running = (bench.staging / "current").resolve()
    commit = bench.git("rev-parse", "v2")
    assert git_head(running) == ("code", "OK", f"release v2, {commit[:9]}, every file as released", "code")
    assert (code(running)["commit"], code(running)["dirty"]) == (commit, False)
    (running / "pyjobs/part.py").write_text("V = 3\n")
    (running / "pyjobs/more.py").write_text("")
    told = git_head(running)
    assert told.state == "FAIL" and "not as released: 2 files, the first: 'pyjobs/part.py' was changed" in told.detail
    assert code(running)["dirty"] is True
    with pytest.raises(BadDataError, match=r"not as released: 'pyjobs/part\.py' was changed"):
        bench.release("verify", bench.staging)
    bench.release("install", bench.staging, bench.clone / "data/releases/v2")
    assert git_head(running).state == "OK" and not list((bench.staging / "releases").glob("[.][!.]*"))


def test_the_oldest_releases_go_but_not_one_that_runs_ran_before_or_is_at_work(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEP_RELEASES", "2")
    for number in (3, 4):
        bench.commit(number)
        bench.git("tag", f"v{number}")
    for tag in ("v1", "v2"):
        bench.release("install", bench.staging, bench.built(tag))
    with subprocess.Popen(["sh", "-c", "sleep 60; :", str(bench.staging / "releases/v1/jobs/x.py")], cwd="/") as old:
        bench.release("install", bench.staging, bench.built("v3"))
        assert environments.kept(environments.load(bench.staging)) == ["v3", "v2", "v1"]
        old.terminate()
    bench.release("install", bench.staging, bench.built("v4"))
    assert environments.kept(environments.load(bench.staging)) == ["v4", "v3"]
    assert sorted(path.name for path in (bench.staging / "artifacts").iterdir()) == ["v3", "v4"]
    assert sorted(path.name for path in (bench.clone / "data/releases").iterdir()) == ["v3", "v4"]
    with installing.alone(environments.load(bench.staging)), pytest.raises(LockBusyError):
        bench.release("install", bench.staging, bench.built("v4"))


def test_a_schedule_names_the_environment_and_not_the_release(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert paths.entrance() == bench.clone
    bench.release("install", bench.staging, bench.built("v1"))
    monkeypatch.setattr(paths, "ROOT", (bench.staging / "current").resolve())
    assert paths.entrance() == bench.staging / "current"


def test_a_release_that_does_not_say_which_it_is_is_damaged(tmp_path: Path) -> None:
    assert released.read(tmp_path) is None
    for text in (
        "{",
        "[]",
        '{"tag": "v1"}',
        '{"tag": 1, "commit": "", "committed_s": 1, "reads_format": 1, "files": {}}',
    ):
        (tmp_path / ".release.json").write_text(text)
        with pytest.raises(BadDataError, match="does not name its release"):
            released.read(tmp_path)
