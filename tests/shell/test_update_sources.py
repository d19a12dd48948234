"""Updates to tags and signed commits, among running jobs, killed half-way, and from remotes that fail."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.shell.support.update import (
    Clone,
    clone,  # noqa: F401  # a fixture
    killed,
    refused,
    template,  # noqa: F401  # a fixture
)


def test_to_a_tag_and_only_what_is_signed(clone: Clone, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    (tmp_path / "signers").write_text("a@example.com " + (tmp_path / "key.pub").read_text())
    first = clone.push(a_txt="1")
    clone.git("tag", "v1", at=clone.there)
    clone.push(b_txt="2")
    clone.git("push", "-q", "--tags", at=clone.there)
    signers = {"UPDATE_SIGNERS": str(tmp_path / "signers")}
    refused(clone, "is not signed by anybody in", **signers)
    assert clone.update("--to", "v1")[::2] == (0, first)
    for name in ("v9", "v1~0", "v1^{commit}", "-v1", "../heads/main"):
        code, log, _ = clone.update("--to", name)
        assert code == 78 and f"there is no tag '{name}' there" in log
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", f"{tmp_path}/key.pub"), ("commit.gpgsign", "true")):
        clone.git("config", name, value, at=clone.there)
    signed = clone.push(c_txt="3")
    clone.git("tag", "plain", at=clone.there)  # no object of its own: the commit's signature counts
    clone.git("tag", "-s", "-m", "a tag", "v2", at=clone.there)
    clone.git("update-ref", "refs/tags/v3", "refs/tags/v2", at=clone.there)  # by another name than was signed
    clone.git("push", "-q", "--tags", at=clone.there)
    assert clone.update("--check", "--to", "plain", **signers)[0] == 64
    code, log, _ = clone.update("--to", "v3", **signers)
    assert code == 78 and "what is published as tag 'v3' is the tag 'v2'" in log
    assert clone.update("--to", "plain", **signers)[::2] == (0, signed)
    assert clone.update("--to", "v2", **signers)[0] == 0
    assert clone.update(**signers)[::2] == (0, signed)
    fake = tmp_path / "gpg"  # prints what gpg prints of a good signature of any key that it knows
    good = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG AAAAAAAAAAAAAAAA them\n[GNUPG:] TRUST_ULTIMATE 0 pgp"
    armour = "-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----"
    fake.write_text(
        f"#!/bin/sh\ncat >/dev/null\ncase \"$*\" in *--verify*) echo '{good}' ;; *)\n"
        "printf '\\n[GNUPG:] SIG_CREATED x\\n' >&2\n"
        f"echo '{armour}' ;; esac\n"
    )
    fake.chmod(0o755)
    clone.git("config", "gpg.program", str(fake))
    for name, value in (("gpg.format", "openpgp"), ("gpg.program", str(fake)), ("user.signingkey", "them")):
        clone.git("config", name, value, at=clone.there)
    clone.push(d_txt="4")
    clone.git("verify-commit", "origin/main", at=clone.there)
    refused(clone, "is not signed by anybody in", **signers)


def test_tags_with_the_name_of_a_branch_here_or_over_there_mislead_neither_update_nor_rollback(clone: Clone) -> None:
    before, newest = clone.git("rev-parse", "HEAD"), clone.push(a_txt="1")
    clone.git("switch", "-q", "-c", "theirs", at=clone.there)
    clone.push("--set-upstream", "origin", "theirs", b_txt="of nobody's branch")
    for name in ("main", "origin/main"):  # git takes a tag first, where a name is short
        clone.git("tag", name, at=clone.there)
    clone.git("push", "-q", "--tags", at=clone.there)
    assert clone.update()[::2] == (0, newest)
    assert clone.update("--rollback")[::2] == (0, before)
    assert clone.git("status", "--porcelain") == ""


def test_jobs_that_run_are_waited_for_and_the_update_is_tried_later(clone: Clone) -> None:
    clone.version(1)
    before = clone.git("rev-parse", "HEAD")
    chain = [clone.here / "jobs/run_with_lock.sh", "--name", "long", "bash", "-c", "echo runs; exec sleep 60"]
    job = subprocess.Popen(chain, env=clone.env(), cwd=clone.here, stdout=subprocess.PIPE)
    assert job.stdout is not None and job.stdout.readline() == b"runs\n"
    code, log, head = clone.update(UPDATE_WAIT_S="0.3")
    assert (code, head) == (75, before) and "not updated: jobs were at work all the time" in log
    job.terminate()
    job.communicate()
    assert clone.update()[0] == 0 and clone.which() == 1


def test_killed_among_its_renames_the_next_job_finds_one_version_whole(clone: Clone) -> None:
    killed(clone, 5)


@pytest.mark.torture
def test_killed_at_each_of_two_hundred_and_fifty_moments_one_version_runs(clone: Clone) -> None:
    killed(clone, 250)


def test_a_remote_that_cannot_be_had_is_a_skip_and_nobody_is_asked_for_a_password(clone: Clone) -> None:
    clone.git("remote", "set-url", "origin", "file:///no/such/place.git")
    code, log, _ = clone.update()
    assert code == 0 and "[SKIP] external-data-unavailable (guarded)" in log and "skip:network" in log
    done = subprocess.run(clone.directly(), env=clone.env(), cwd="/", capture_output=True, text=True)
    assert done.returncode == 69 and "not updated: 'origin' cannot be had" in done.stderr
    clone.git("remote", "set-url", "origin", "ssh://git@127.0.0.1/place.git")
    clone.git("config", "core.sshCommand", "echo key=mine >&2; false")  # a key of its own, as deploy keys have
    done = subprocess.run(clone.directly(), env=clone.env(), cwd="/", capture_output=True, text=True)
    assert done.returncode == 69
    assert "'origin' cannot be had: key=mine. Try" in done.stderr  # not git's last words of three lines


class AsksForPassword(BaseHTTPRequestHandler):
    """A server of git that lets nobody in without a name and a password."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what is asked stands in the test."""


def test_a_remote_that_wants_a_password_is_a_skip_at_once_also_where_there_is_a_terminal(clone: Clone) -> None:
    before, (here, there) = clone.git("rev-parse", "HEAD"), pty.openpty()
    with HTTPServer(("127.0.0.1", 0), AsksForPassword) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        clone.git("remote", "set-url", "origin", f"http://127.0.0.1:{server.server_port}/x.git")
        done = subprocess.run(
            [clone.here / "batch/update_from_git.sh"], env=clone.env(no_proxy="127.0.0.1"), cwd="/", stdin=there,
            capture_output=True, timeout=60, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        server.shutdown()
    asked = os.read(here, 4096) if select.select([here], [], [], 0)[0] else b""
    os.close(there)
    os.close(here)
    logs = "".join(path.read_text() for path in (clone.here / "logs").glob("update_*.log"))
    assert done.returncode == 0 and "[SKIP] external-data-unavailable (guarded)" in logs, (done, logs)
    assert "terminal prompts disabled" in logs and clone.git("rev-parse", "HEAD") == before
    assert b"Username" not in asked and b"assword" not in asked
