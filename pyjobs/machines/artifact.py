"""A release as files: one tag of a clone, hashed and signed; verified before anything in it is read.

nightdesk-<TAG>.tar.gz   what git tracks at the tag, below nightdesk-<TAG>/
release.json             tag, commit, its time, the format of stored data that it reads, the sha256 of every file
repos.lock               what runs together with it, where the builder has pinned that
SHA256SUMS               of these; `sha256sum -c` reads it
SHA256SUMS.sig           `ssh-keygen -Y sign -n nightdesk-release` over it
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyjobs.runs import released
from pyjobs.runs.released import Release
from pyjobs.runs.verdict.repos import LOCK, git
from utils.errors import BadDataError, CannotWriteError, ConfigError, MissingInputError, UsageError
from utils.files import os_files
from utils.files.os_files import file_sha256, has_file

NAMESPACE = "nightdesk-release"
ABOUT, SUMS, SIGNATURE = "release.json", "SHA256SUMS", "SHA256SUMS.sig"
FORMAT = "config/data_format.txt"
BUILDING = ".building-"
LIMIT_S = 300.0
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_SUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._-]+)", re.ASCII)


def build(clone: Path, home: Path, tag: str, key: Path, into: Path) -> Path:
    """Make the release of a tag in `into`/<tag>, signed with `key`; that folder. One that is there stays as it is.

    Raises UsageError, MissingInputError (no such tag, no key), ConfigError (the tag has moved since it was built,
    the key does not sign), CannotWriteError.
    """
    name_of(tag)
    commit = git(clone, "rev-parse", "-q", "--verify", f"refs/tags/{tag}^{{commit}}")
    if not commit:
        known = (git(clone, "tag", "--list", "--sort=-creatordate") or "").split()
        raise MissingInputError(
            f"'{clone}' has no tag '{tag}' (it has {', '.join(known[:5]) or 'none'}): git tag {tag}"
        )
    final = into / tag
    if final.is_dir():
        built = released.parse(os_files.held_bytes(final / ABOUT), final / ABOUT)
        if built.commit != commit:
            raise ConfigError(f"release '{tag}' was built from {built.commit[:9]}, and the tag is at {commit[:9]} now: "
                              "a release is never another one; take another tag")  # fmt: skip
        return final
    other = into / f"{BUILDING}{tag}"
    shutil.rmtree(other, ignore_errors=True)
    try:
        other.mkdir(parents=True)
        archive, files = _archive(clone, commit, tag)
        (other / f"nightdesk-{tag}.tar.gz").write_bytes(archive)
        committed_s = int(git(clone, "log", "-1", "--format=%ct", commit) or 0)
        about = Release(tag, commit, committed_s, _format(clone, commit), files)
        (other / ABOUT).write_text(released.as_text(about), encoding="utf-8")
        if (home / LOCK).is_file():
            shutil.copyfile(home / LOCK, other / LOCK)
        sums = "".join(f"{file_sha256(path)}  {path.name}\n" for path in sorted(other.iterdir()))
        (other / SUMS).write_text(sums, encoding="utf-8")
        _sign(other / SUMS, key)
        other.rename(final)
    except OSError as error:
        raise CannotWriteError(f"no release in '{into}': {error.strerror} ('{error.filename}')") from error
    finally:
        shutil.rmtree(other, ignore_errors=True)
    return final


def verify(folder: Path, signers: Path) -> tuple[Release, str]:
    """The release in `folder`, and who signed it; the signature is looked at first, then the hashes, then the rest.

    Raises MissingInputError (no release, no file of signers), BadDataError (not signed by one of them, changed,
    files missing or too many).
    """
    if not (folder / SUMS).is_file():
        raise MissingInputError(f"'{folder}' is no release: it has no {SUMS}")
    only_files(folder)
    who = _signer(folder, signers)
    expected = dict[str, str]()
    for line in os_files.held_bytes(folder / SUMS).decode("utf-8").splitlines():
        found = _SUM.fullmatch(line)
        if not found:
            raise BadDataError(f"'{folder / SUMS}' has a line that sha256sum did not write: {line[:80]!r}")
        expected[found[2]] = found[1]
    here = {path.name for path in folder.iterdir()} - {SUMS, SIGNATURE}
    odd = sorted(here ^ expected.keys())
    if odd:
        raise BadDataError(f"'{folder}': '{odd[0]}' is {'not of the release' if odd[0] in here else 'missing'}")
    for name, digest in expected.items():
        if file_sha256(folder / name) != digest:
            raise BadDataError(f"'{folder / name}' is not what was signed: get the release again")
    release = released.parse(os_files.held_bytes(folder / ABOUT), folder / ABOUT)
    if f"nightdesk-{name_of(release.tag)}.tar.gz" not in expected:
        raise BadDataError(f"'{folder}' claims to be release '{release.tag}' and has no archive of that name")
    return release, who


def only_files(folder: Path) -> None:
    """Raises BadDataError for a folder, a pipe, or whatever else is no file, in place of one of a release."""
    for path in sorted(folder.iterdir()):
        if not has_file(path):
            raise BadDataError(f"'{path}' is not what was signed: it is no file; get the release again")


def digest(folder: Path) -> str:
    """One sha256 for the whole release, the same on every machine."""
    return file_sha256(folder / SUMS)


def unpack(folder: Path, release: Release, into: Path, *, leave: Sequence[str]) -> None:
    """Write the files of a verified release to `into` (made), each compared with its own hash, none more, none fewer.

    What lies in folders named in `leave` is not written. Raises BadDataError.
    """
    prefix, found = f"nightdesk-{release.tag}/", set[str]()
    with tarfile.open(folder / f"nightdesk-{release.tag}.tar.gz") as archive:
        for member in archive:
            if member.isdir():
                continue
            name = member.name.removeprefix(prefix)
            content = archive.extractfile(member) if member.isreg() else None
            below = {"", ".", ".."}.isdisjoint(name.split("/"))  # also `nightdesk-v1//etc/passwd`
            if content is None or name == member.name or name not in release.files or not below or name in found:
                raise BadDataError(f"the archive of release '{release.tag}' has '{member.name}', which is not of it")
            written = content.read()
            if hashlib.sha256(written).hexdigest() != release.files[name]:
                raise BadDataError(f"'{name}' in the archive of release '{release.tag}' is not what was signed")
            found.add(name)
            if name.split("/")[0] in leave:
                continue
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_bytes(written)
            (into / name).chmod(0o755 if member.mode & 0o100 else 0o644)
    lost = sorted(release.files.keys() - found)
    if lost:
        raise BadDataError(f"the archive of release '{release.tag}' lacks '{lost[0]}'")


def name_of(tag: str) -> str:
    """The tag itself. Raises UsageError for one that is no name of a file."""
    if not _TAG.fullmatch(tag):
        raise UsageError(f"{tag!r} is no tag of a release: letters, digits, `.`, `_`, `-`")
    return tag


def _archive(clone: Path, commit: str, tag: str) -> tuple[bytes, Mapping[str, str]]:
    """The compressed archive, the same bytes for the same commit; and the sha256 of each file in it."""
    done = subprocess.run(
        ["git", "-c", f"safe.directory={clone}", "-c", "tar.umask=0022", "-C", str(clone), "archive", "--format=tar",
         f"--prefix=nightdesk-{tag}/", commit],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=False, env=released.no_hooks_environ(),
    )  # fmt: skip
    if done.returncode:
        raise ConfigError(f"git cannot archive '{tag}': {done.stderr.decode(errors='replace').strip()}")
    files = dict[str, str]()
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            if member.isdir():
                continue
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise ConfigError(f"'{member.name}' is a link: a release has files only")
            files[member.name.partition("/")[2]] = hashlib.sha256(content.read()).hexdigest()
    return gzip.compress(done.stdout, mtime=0), files


def _format(clone: Path, commit: str) -> int:
    lines = (git(clone, "show", f"{commit}:{FORMAT}") or "").splitlines()
    return next((int(line) for line in lines if line.strip().isdigit()), 0)


def _sign(path: Path, key: Path) -> None:
    if not key.is_file():
        raise MissingInputError(
            f"there is no key '{key}': ssh-keygen -t ed25519 -f '{key}', and its .pub to the signers"
        )
    done = subprocess.run(
        [_ssh_keygen(), "-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE, str(path)], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode or not path.with_name(SIGNATURE).is_file():
        found = (done.stderr.strip().splitlines() or ["ssh-keygen had no output"])[-1]
        raise ConfigError(f"'{key}' does not sign: {found} (a key with a passphrase: ssh-add it, and name its .pub)")


def _signer(folder: Path, signers: Path) -> str:
    """The signer, among those in `signers`. Raises BadDataError, MissingInputError."""
    if not signers.is_file():
        raise MissingInputError(f"there is no file of signers '{signers}': lines `you@example.com ssh-ed25519 AAAA…`")
    if not (folder / SIGNATURE).is_file():
        raise BadDataError(f"release '{folder}' is not signed: it has no {SIGNATURE}")
    common, with_file = [_ssh_keygen(), "-Y"], ["-s", str(folder / SIGNATURE), "-f", str(signers)]
    found = subprocess.run([*common, "find-principals", *with_file], capture_output=True, text=True, check=False)
    result = found.stderr
    for who in dict.fromkeys([*found.stdout.split("\n"), *_named_in(signers)]):
        if not who.strip():
            continue
        with (folder / SUMS).open("rb") as signed:  # a line may be for other namespaces, or have expired: all are tried
            done = subprocess.run(
                [*common, "verify", "-I", who.strip(), "-n", NAMESPACE, *with_file], stdin=signed, capture_output=True,
                text=True, timeout=LIMIT_S, check=False,
            )  # fmt: skip
        if done.returncode == 0:
            return who.strip()
        result += done.stderr
    raise BadDataError(
        f"release '{folder}' is not signed by anybody in '{signers}': {_why(result)}: a new key belongs into that file"
    )


def _named_in(signers: Path) -> list[str]:
    """The names in a file of signers: the first word of each line, which may be several with commas."""
    lines = signers.read_text(encoding="utf-8", errors="replace").splitlines()
    return [who for line in lines if line.strip() and line[0] != "#" for who in line.split()[0].strip('"').split(",")]


def _why(text: str) -> str:
    """The output of ssh-keygen, each line once: that a key has expired is a better reason than that none matched."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    texts = [
        line for line in dict.fromkeys(lines) if line not in ("No principal matched.", "Could not verify signature.")
    ]
    return "; ".join(texts) or (lines[-1] if lines else "no signer is known")


def _ssh_keygen() -> str:
    found = shutil.which("ssh-keygen")
    if found is None:
        raise ConfigError("ssh-keygen is not installed: apt-get install openssh-client")
    return found
