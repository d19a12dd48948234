"""A tag becomes one signed artifact, and the same one runs in staging and then in prod."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from pyjobs import release
from pyjobs.machines import environments, installing
from pyjobs.runs import released
from pyjobs.runs.provenance import code
from pyjobs.runs.verdict.places import git_head
from utils import paths
from utils.errors import BadDataError, ConfigError, LockBusyError, MissingInputError, NightdeskError, UsageError

ENV = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
FILES = {
    "batch/job.sh": "#!/bin/sh\necho {n}\n", "pyjobs/part.py": "V = {n}\n", "config/desk.sample.yaml": "a: {n}\n",
    "config/data_format.txt": "# reads\n{n}\n", "requirements-nas.txt": "# none\n", "secret/README.md": "keys\n",
    "data/.gitkeep": "",
}  # fmt: skip


class Bench:
    """A clone with two tags, a key, and two environments whose packages are there already."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.key, self.signers = folder / "clone", folder / "key", folder / "signers"
        self.staging, self.prod = folder / "the staging", folder / "prod"
        self.clone.mkdir()
        self.git("init", "-q", "-b", "main")
        for number in (1, 2):
            self.commit(number)
            self.git("tag", f"v{number}")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.signers.write_text(f"builder@example.com {self.key.with_suffix('.pub').read_text()}")
        for port, root in ((15433, self.staging), (15434, self.prod)):
            name = root.name.split()[-1]
            self.release("init", root, "--name", name, "--port", port, "--signers", self.signers)
            venv = root / ".venvs" / hashlib.sha256(b"nas\n# none\n").hexdigest()[:16]
            (venv / "bin").mkdir(parents=True)
            (venv / "bin/python").symlink_to(sys.executable)
            for mark in (".complete", ".installed-nas"):
                (venv / mark).touch()

    def git(self, *words: str) -> str:
        env = {**os.environ, **ENV, "GIT_CONFIG_GLOBAL": "/dev/null"}
        done = subprocess.run(
            ["git", "-C", str(self.clone), *words], env=env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, number: int) -> None:
        for name, text in FILES.items():
            (self.clone / name).parent.mkdir(exist_ok=True)
            (self.clone / name).write_text(text.format(n=number))
        (self.clone / "batch/job.sh").chmod(0o755)
        self.git("add", "-A")
        date = f"2026-11-2{number}T00:00:00Z"
        env = {**os.environ, **ENV, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
        subprocess.run(["git", "-C", str(self.clone), "commit", "-qm", f"{number}"], env=env, check=True)

    def release(self, *words: object) -> int:
        return release.main([str(word) for word in words])

    def built(self, tag: str) -> Path:
        assert self.release("build", tag, "--key", self.key) == 0
        return self.clone / "data/releases" / tag

    def runs(self, root: Path) -> str:
        """What a crontab line of the environment starts."""
        return subprocess.run(
            [root / "current/batch/job.sh"], capture_output=True, text=True, check=True
        ).stdout.strip()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases") / "bench"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as here:
        here.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        Bench(folder)
    shutil.rmtree(folder / "config")  # it lists what the template has
    return folder


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: Path) -> Bench:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen (openssh-client)")
    made = Bench.__new__(Bench)
    folder = tmp_path / "bench"
    shutil.copytree(template, folder, symlinks=True)
    made.clone, made.key, made.signers = folder / "clone", folder / "key", folder / "signers"
    made.staging, made.prod = folder / "the staging", folder / "prod"
    monkeypatch.setattr(paths, "ROOT", made.clone)
    monkeypatch.setenv("NIGHTDESK_HOME", str(made.clone))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    return made


def test_what_ran_in_staging_runs_in_prod_byte_for_byte_and_each_keeps_its_own(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    (bench.clone / "repos.lock").write_text("x\tx\tfile:///x\t" + "0" * 40 + "\n")
    first = bench.built("v1")
    sums = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=first, capture_output=True, text=True)
    assert sums.returncode == 0 and "nightdesk-v1.tar.gz: OK" in sums.stdout and "repos.lock: OK" in sums.stdout
    bench.release("install", bench.staging, first)
    assert "signed by builder@example.com" in capsys.readouterr().out
    assert bench.runs(bench.staging) == "1"
    (bench.staging / "data/format").write_text("1\n")
    (bench.staging / ".env").write_text((bench.staging / ".env").read_text() + "DATABASE_URL=postgresql://s\n")
    (bench.staging / "current/config/desk.yaml").write_text("name: made by a job\n")  # as new_desk would
    bench.release("promote", bench.staging, bench.prod)
    assert bench.runs(bench.prod) == "1"
    for name in ("SHA256SUMS", "SHA256SUMS.sig", "nightdesk-v1.tar.gz"):
        bytes_of = {(root / "artifacts/v1" / name).read_bytes() for root in (bench.staging, bench.prod)}
        assert bytes_of == {(first / name).read_bytes()}
    assert (
        not (bench.prod / "data/format").exists() and "DATABASE_URL=" not in (bench.prod / "current/.env").read_text()
    )
    assert (bench.prod / "current/data").resolve() == bench.prod / "data"
    assert (bench.prod / "repos.lock").read_text() == (bench.clone / "repos.lock").read_text()
    bench.release("install", bench.staging, bench.built("v2"))
    assert (bench.runs(bench.staging), bench.runs(bench.prod)) == ("2", "1")
    assert (bench.staging / "current/config/desk.yaml").read_text() == "name: made by a job\n"
    assert (bench.staging / "config/desk.yaml").read_text() == "name: made by a job\n"
    assert (bench.staging / "current/secret").resolve() == bench.staging / "secret"
    bench.release("rollback", bench.staging)
    assert bench.runs(bench.staging) == "1"
    bench.release("rollback", bench.staging)
    assert bench.runs(bench.staging) == "2"
    rows = [line.split("\t") for line in (bench.staging / "releases.tsv").read_text().splitlines()]
    assert [(row[1], row[2]) for row in rows[1:]] == [
        ("install", "v1"), ("install", "v2"), ("rollback", "v1"), ("rollback", "v2"),
    ]  # fmt: skip
    assert (bench.prod / "releases.tsv").read_text().splitlines()[1].split("\t")[1:] == [
        "promote from staging", "v1", bench.git("rev-parse", "v1"),
        hashlib.sha256((first / "SHA256SUMS").read_bytes()).hexdigest(),
    ]  # fmt: skip
    assert bench.release("verify", bench.staging) == 0 and bench.release("list", bench.staging) == 0
    assert "v2\tcurrent\nv1\tprevious\n" in capsys.readouterr().out


def tampered(folder: Path, how: str) -> None:
    """One of the ways in which an artifact is not what was signed."""
    if how == "archive":
        with (folder / "nightdesk-v1.tar.gz").open("r+b") as file:
            file.seek(20)
            file.write(b"\x00")
    elif how == "hashes":
        sums = (folder / "SHA256SUMS").read_text()
        (folder / "release.json").write_text((folder / "release.json").read_text().replace("v1", "v9"))
        fresh = hashlib.sha256((folder / "release.json").read_bytes()).hexdigest()
        lines = [f"{fresh}  release.json" if "release.json" in line else line for line in sums.splitlines()]
        (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    elif how in ("folder", "pipe"):
        (folder / "release.json").unlink()
        (Path.mkdir if how == "folder" else os.mkfifo)(folder / "release.json")
    elif how == "more":
        (folder / "install.sh").write_text("")
    else:
        (folder / how).unlink()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("archive", "'.*nightdesk-v1.tar.gz' is not what was signed"),
        ("folder", "'.*release.json' is not what was signed"),
        ("pipe", "'.*release.json' is not what was signed"),
        ("hashes", "is not signed by anybody in"),
        ("more", "'install.sh' is not of the release"),
        ("release.json", "'release.json' is missing"),
        ("SHA256SUMS.sig", "is not signed: it has no SHA256SUMS.sig"),
    ],
)
def test_what_is_not_as_it_was_signed_is_refused_and_what_runs_stays(bench: Bench, how: str, said: str) -> None:
    artifact = bench.built("v1")
    tampered(artifact, how)
    with pytest.raises(BadDataError, match=said):
        bench.release("install", bench.staging, artifact)
    assert not (bench.staging / "current").is_symlink() and not list((bench.staging / "releases").glob("[!.]*"))
    with pytest.raises(BadDataError, match=said):
        bench.release("verify", artifact, "--signers", bench.signers)


def test_a_key_that_is_not_among_the_signers_signs_nothing_here(bench: Bench, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    bench.release("build", "v1", "--key", tmp_path / "other")
    with pytest.raises(BadDataError, match=r"not signed by anybody in '.*signers'"):
        bench.release("install", bench.staging, bench.clone / "data/releases/v1")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "word", "-f", str(tmp_path / "shut")], check=True)
    with pytest.raises(ConfigError, match=r"does not sign: .*a key with a passphrase: ssh-add it"):
        bench.release("build", "v2", "--key", tmp_path / "shut")
    assert [path.name for path in (bench.clone / "data/releases").iterdir()] == ["v1"]


def resigned(bench: Bench, folder: Path, member: tarfile.TarInfo, content: bytes) -> None:
    """One more member in the archive of v1, listed and signed by the right key: a builder gone bad."""
    with tarfile.open(folder / "nightdesk-v1.tar.gz") as old:
        kept = [(each, old.extractfile(each)) for each in old]
        with tarfile.open(folder / "new", "w:gz") as new:
            for each, source in kept:
                new.addfile(each, source)
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    (folder / "new").replace(folder / "nightdesk-v1.tar.gz")
    about = json.loads((folder / "release.json").read_text())
    about["files"][member.name.removeprefix("nightdesk-v1/")] = hashlib.sha256(content).hexdigest()
    (folder / "release.json").write_text(json.dumps(about))
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
            for name in ("nightdesk-v1.tar.gz", "release.json")]  # fmt: skip
    (folder / "SHA256SUMS").write_text("".join(sums))
    (folder / "SHA256SUMS.sig").unlink()
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-f", str(bench.key), "-n", "nightdesk-release", "SHA256SUMS"],
        cwd=folder, check=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nightdesk-v1/../../../out", tarfile.REGTYPE),
        ("nightdesk-v1//OUT", tarfile.REGTYPE),
        ("/OUT", tarfile.REGTYPE),
        ("nightdesk-v1/pyjobs/part.py", tarfile.REGTYPE),
        ("nightdesk-v1/out", tarfile.SYMTYPE),
        ("nightdesk-v1/out", tarfile.LNKTYPE),
        ("nightdesk-v1/out", tarfile.CHRTYPE),
    ],
)
def test_an_archive_that_would_write_elsewhere_is_refused_though_it_is_signed(
    bench: Bench, tmp_path: Path, name: str, kind: bytes
) -> None:
    folder = bench.built("v1")
    member = tarfile.TarInfo(name.replace("OUT", str(tmp_path / "out").lstrip("/")))
    member.type, member.linkname = kind, str(tmp_path / "target")
    resigned(bench, folder, member, b"bad" if kind == tarfile.REGTYPE else b"")
    with pytest.raises(BadDataError, match=r"archive of release 'v1' (has '.*', which is not of it|is not what was)"):
        bench.release("install", bench.staging, folder)
    assert not list(tmp_path.rglob("out")) and not (bench.staging / "current").is_symlink()
    shutil.rmtree(folder)
    bench.release("install", bench.staging, bench.built("v1"))  # the bad one is not kept as what v1 is


def test_a_key_counts_from_when_until_when_and_for_what_its_line_says(bench: Bench) -> None:
    folder, signers = bench.built("v1"), bench.staging / "secret/signers"
    key = bench.key.with_suffix(".pub").read_text()
    for line, said in (
        ('a@x valid-before="20200101" ', "key has expired: verify time .* > valid-before 2020"),
        ('a@x valid-after="20990101" ', "key is not yet valid"),
        ('a@x namespaces="git" ', 'not permitted for use in signature namespace "nightdesk-release"'),
    ):
        signers.write_text(line + key)
        with pytest.raises(BadDataError, match=rf"{said}.*: a new key belongs into that file"):
            bench.release("install", bench.staging, folder)
        signers.write_text(line + key + f"# renewed\nb@x,c@x {key}")
        bench.release("verify", folder, "--signers", signers)
    bench.release("install", bench.staging, folder)
    assert bench.runs(bench.staging) == "1"


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["build", "v9"], MissingInputError, r"has no tag 'v9' \(it has v2, v1\)"),
        (["build", "../v1"], UsageError, "is no tag of a release"),
        (["install", "STAGING", "/nowhere"], MissingInputError, "there is no release '/nowhere'"),
        (["install", "/nowhere", "/nowhere"], MissingInputError, "'/nowhere' is no environment"),
        (["promote", "STAGING", "PROD"], MissingInputError, "nothing runs in '.*staging'"),
        (["promote", "STAGING", "STAGING"], ConfigError, "have the same root"),
        (["rollback", "STAGING"], MissingInputError, r"knows none before: .*\(no other is kept\)"),
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
