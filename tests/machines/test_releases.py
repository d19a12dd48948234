"""A tag becomes one signed artifact, and the same one runs in staging and then in prod."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.machines.support.releases import (
    Bench,
    bench,  # noqa: F401  # a fixture
    template,  # noqa: F401  # a fixture
)
from utils.errors import BadDataError, ConfigError


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
