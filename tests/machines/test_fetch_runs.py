"""Runs are fetched whole or not at all, over a real sshd and a real rsync."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyjobs import fetch_runs
from pyjobs.runs import sealed
from pyjobs.runs.run_folder import finished_runs
from tests.machines.support.sshd import Server
from tests.runs.test_run_folder import make_run
from utils.run import run

pytestmark = pytest.mark.usefixtures("server")
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "batch/fetch_runs.sh"


def fetch(server: Server, there: Path, home: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *flags], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        env=server.env(REMOTE_ROOT=str(there), NIGHTDESK_HOME=str(home), PYTHONBIN=sys.executable, **env),
    )  # fmt: skip


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_finished_runs_come_whole_others_stay_there_and_the_pull_is_recorded(
    server: Server, there: Path, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        make_run(there, f"2026112{number}T131000Z-000{number}")
    (there / "20261122T131000Z-0002/PINNED").touch()
    (there / ".building-20261124T131000Z-0004/reports").mkdir(parents=True)
    (there / ".removing-20261101T131000Z-0009").mkdir()
    (there / "20261125T131000Z-0005").mkdir()  # no manifest
    (there / "20261126T131000Z-0006").symlink_to(there / "20261121T131000Z-0001")
    (there / "@eaDir").mkdir()
    here = tmp_path / "laptop/data/server_runs_remote"
    dry = fetch(server, there, tmp_path / "laptop", "--dry-run", "--since", "2026-11-22")
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.splitlines() == [
        "would fetch 20261122T131000Z-0002  0.00 MB",
        "would fetch 20261123T131000Z-0003  0.00 MB",
        "2 of 3 runs to fetch, 0.00 MB",
    ]
    assert not here.exists()
    done = fetch(server, there, tmp_path / "laptop")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in finished_runs(here)] == [
        f"2026112{number}T131000Z-000{number}" for number in (1, 2, 3)
    ]
    assert all(sealed.verify(path) == [] for path in finished_runs(here))
    assert not (here / "20261122T131000Z-0002/PINNED").exists()  # a pin of the server's is not one of the laptop's
    assert names(here / ".incoming") == []
    history = (here / "_meta/pull_history.tsv").read_text().splitlines()
    assert history[0].split("\t") == [
        "pull_timestamp_utc", "remote", "remote_root", "run_count", "latest_run_id", "latest_size_mb",
    ]  # fmt: skip
    assert history[1].split("\t")[1:] == [server.remote, str(there), "3", "20261123T131000Z-0003", "1.4e-05"]
    again = fetch(server, there, tmp_path / "laptop")
    assert again.stdout.splitlines()[-1] == "0 new, 3 here"
    assert len((here / "_meta/pull_history.tsv").read_text().splitlines()) == 3


def test_a_damaged_run_is_named_and_keeps_no_other_away(server: Server, there: Path, tmp_path: Path) -> None:
    damaged, good = make_run(there, "20261121T131000Z-0001"), make_run(there, "20261122T131000Z-0002")
    whole = (damaged / "reports/1.md").read_text()
    (damaged / "reports/1.md").write_text("page!2\n")
    (damaged / "reports/extra").touch()
    here = tmp_path / "data/server_runs_remote"
    done = fetch(server, there, tmp_path)
    assert done.returncode == 65
    assert "20261121T131000Z-0001: differs from its manifest: 'reports/1.md' has changed" in done.stderr
    assert [path.name for path in finished_runs(here)] == [good.name]
    (damaged / "reports/1.md").write_text(whole)  # mended over there: the same size, maybe the same second
    assert fetch(server, there, tmp_path).returncode == 0
    assert sealed.verify(here / damaged.name) == []


def test_what_was_pruned_here_is_not_fetched_again(server: Server, there: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        make_run(there, f"2026112{number}T131000Z-000{number}")
    here = tmp_path / "data/server_runs_remote"
    done = fetch(server, there, tmp_path, "--prune-local", KEEP_MAX_RUNS="2")
    assert done.returncode == 0, done.stderr
    assert "20261121T131000Z-0001: removed here: number 3 of the newest, 2 are kept" in done.stdout
    assert fetch(server, there, tmp_path).returncode == 0
    assert [path.name[-4:] for path in finished_runs(here)] == ["0002", "0003"]
    shutil.rmtree(there / "20261121T131000Z-0001")
    assert fetch(server, there, tmp_path).returncode == 0
    assert (here / "_meta/pruned.txt").read_text() == ""


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"REMOTE": ""}, 64, "REMOTE=user@host REMOTE_ROOT="),
        ({"REMOTE": "-oProxyCommand=touch x"}, 64, "is not user@host"),
        ({"SSH_PORT": "ssh"}, 64, "SSH_PORT='ssh' is not a port"),
        ({"SSH_PORT": "1"}, 69, "Connection refused"),
        ({"KEEP_DAYS": "7d"}, 78, "KEEP_DAYS: '7d' is not a whole number of at least 1"),  # --prune-local would take 30
        ({"REMOTE_ROOT": "/nowhere/at/all"}, 66, "has no folder '/nowhere/at/all'"),
    ],
)
def test_what_cannot_be_fetched_from_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    change: dict[str, str], code: int, said: str,
) -> None:  # fmt: skip
    for name, value in server.env(**{"REMOTE_ROOT": "/tmp", "NIGHTDESK_HOME": str(tmp_path), **change}).items():
        monkeypatch.setenv(name, value)
    assert run(fetch_runs.main, []) == code
    assert said in capsys.readouterr().err


def test_a_folder_without_a_finished_run_is_asked_about(server: Server, there: Path, tmp_path: Path) -> None:
    done = fetch(server, there.parent, tmp_path / "laptop")
    assert done.returncode == 0 and done.stdout.startswith(
        f"[WARN] '{there.parent}' over there has no finished run: is"
    )


def test_a_host_key_that_has_changed_is_no_outage(server: Server, there: Path, tmp_path: Path) -> None:
    assert fetch(server, there, tmp_path / "laptop", "--dry-run").returncode == 0  # it is known from now on
    known = Path(server.command.split()[-1]).with_name("known")
    before = known.read_text()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    other = (tmp_path / "other.pub").read_text().split()[1]
    try:
        known.write_text(" ".join([*before.split()[:2], other]) + "\n")
        done = fetch(server, there, tmp_path / "laptop")
    finally:
        known.write_text(before)
    assert done.returncode == 69 and ": auth: Host key verification failed" in done.stderr
    assert "its host key is another one than before" in done.stderr


def test_a_second_fetch_is_kept_out_and_a_torn_history_is_mended(server: Server, there: Path, tmp_path: Path) -> None:
    make_run(there, "20261121T131000Z-0001")
    here = tmp_path / "data/server_runs_remote"
    (here / "_meta").mkdir(parents=True)
    (here / "_meta/pull_history.tsv").write_text("a\tb\tc\t1\tid\t2.0\n2026-11-20T13:1")
    import fcntl

    with (here / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        busy = fetch(server, there, tmp_path)
    assert (busy.returncode, "another fetch" in busy.stderr) == (75, True)
    assert fetch(server, there, tmp_path).returncode == 0
    lines = (here / "_meta/pull_history.tsv").read_text().splitlines()
    assert lines[0] == "a\tb\tc\t1\tid\t2.0" and len(lines) == 2 and lines[1].count("\t") == 5


def killed_while_fetching(server: Server, there: Path, tmp_path: Path, kills: int) -> None:
    """Kill the fetch, its rsync, or the server's side at chosen moments; each time what is here is whole."""
    seeded, here = random.Random(20261121), tmp_path / "data/server_runs_remote"
    inside = 0
    for number in range(kills):
        if number % 5 == 0:
            shutil.rmtree(here, ignore_errors=True)
        env = server.env(REMOTE_ROOT=str(there), NIGHTDESK_HOME=str(tmp_path))
        child = subprocess.Popen(
            [sys.executable, "-m", "pyjobs.fetch_runs"], cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0,
        )  # fmt: skip
        until = time.monotonic() + 20
        while not names(here / ".incoming") and child.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(seeded.uniform(0.0, 0.25))
        victims = {0: [child.pid], 1: server.sessions()}.get(number % 3)
        with contextlib.suppress(ProcessLookupError):
            if victims is None:
                os.killpg(child.pid, signal.SIGKILL)
            for pid in victims or ():
                os.kill(pid, signal.SIGKILL)
        child.wait()
        inside += bool(names(here / ".incoming"))
        assert all(sealed.verify(path) == [] for path in finished_runs(here))
        history = here / "_meta/pull_history.tsv"
        assert not history.exists() or all(line.count("\t") == 5 for line in history.read_text().splitlines())
    assert inside
    until = time.monotonic() + 60  # the rsync of a fetch that was killed holds the lock until it has ended
    while (done := fetch(server, there, tmp_path)).returncode == 75 and time.monotonic() < until:
        time.sleep(0.1)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in finished_runs(here)] == [path.name for path in finished_runs(there)]
    assert names(here / ".incoming") == []


def large_runs(there: Path) -> None:
    for number in range(1, 4):
        make_run(there, f"2026112{number}T131000Z-000{number}", files=150)


def test_killed_on_either_side_what_is_here_is_whole_and_the_next_fetch_goes_on(
    server: Server, there: Path, tmp_path: Path
) -> None:
    large_runs(there)
    killed_while_fetching(server, there, tmp_path, 6)


@pytest.mark.torture
def test_a_hundred_and_fifty_kills_on_either_side(server: Server, there: Path, tmp_path: Path) -> None:
    large_runs(there)
    killed_while_fetching(server, there, tmp_path, 150)


NEWER_THAN_BASH_3_2 = re.compile(
    r"\b(?:declare|local|typeset) -[a-zA-Z]*[Anlug]|\b(?:mapfile|readarray|coproc)\b|\$\{[^}]*(?:,,?|\^\^?|@[A-Za-z])\}"
    r"|&>>|\|&|;;?&|\bwait -[nfp]|\{[a-z_]+\}[<>]|(?:\[|\btest) -[vR] |\bprintf [^|;]*%\(|\$\{?(?:EPOCH|BASHPID)"
    r"|\$\{?(?:SRANDOM|BASH_ARGV0|BASHOPTS|BASH_XTRACEFD|PROMPT_DIRTRIM|READLINE)|\[-\d+\]|\$\{\w+:[^}]*:\s*-\d"
    r"|\b(?:inherit_errexit|globstar|lastpipe|autocd|dirspell)\b|\bread -[a-zA-Z]*[iN]\b|\bread [^;|]*-t ?\d*\.\d"
    r"|\$'[^']*\\[uU]|\{-?\d+\.\.-?\d+\.\.|\{0\d+\.\.|(?:\.|\bsource) +<\(|\$\([^)]*\bcase\b|\bunset -n"
    r"|\$\{\w+\[[@*]\]\}|\$\{#\w+\[[@*]\]\}|\bcd -e\b|\bexec -[cl]*a .*\{|\bhistory -|\bprintf -v \w+\["
)  # "${a[@]}" of an empty array ends such a bash under set -u
OPENRSYNC_KNOWS = {"-r", "-l", "-t", "-p", "-e", "--rsync-path", "--timeout", "--link-dest"}
"""Of what its manual lists (macOS 15.4), what we use."""


def test_what_runs_on_a_mac_is_written_for_its_bash_and_its_rsync() -> None:
    for construct in (
        "${a,,}", "${a^}", "${a@Q}", "declare -A x", "local -n x=y", "declare -g x", "mapfile -t x", "readarray x",
        "coproc x", "a &>>b", "a |& b", "a) b ;;& c", "wait -n", "exec {fd}<x", "printf '%(%F)T' -1", "${a[-1]}",
        "${a:0:-1}", "${a::-1}", '"${a[@]}"', "$EPOCHSECONDS", "${EPOCHREALTIME}", "$BASHPID", "[[ -v a ]]", "[ -v a ]",
        "test -v a", "read -N 1", "read -t 0.5", "shopt -s lastpipe", "shopt -s globstar", r"$'\u00e9'", "{1..9..2}",
        "{01..10}", ". <(a)", "source <(a)", "$(case a in b) c ;; esac)",
    ):  # fmt: skip
        assert NEWER_THAN_BASH_3_2.search(construct), construct
    for name in ("batch/fetch_runs.sh", "batch/deploy.sh", "batch/push_data.sh", "jobs/anywhere.sh"):
        text = (ROOT / name).read_text(encoding="utf-8")
        code = "\n".join(line.partition(" #")[0] for line in text.splitlines() if not line.startswith("#"))
        assert not NEWER_THAN_BASH_3_2.search(code), name
        assert "jobs/lib.sh" not in code  # the chain's own wants bash 4.4
    used: set[str] = set()
    for path in (ROOT / "pyjobs/machines").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        if "rsync(" in source or '"rsync"' in source:
            used |= {f"-{letter}" for word in re.findall(r'\["-([a-z]+)",', source) for letter in word}
            used |= set(re.findall(r'"(--(?:rsync|link|timeout|partial|delete|exclude|include|files)[a-z-]*)', source))
            used |= set(re.findall(r'"rsync", "(-e)"', source))
            used |= set(re.findall(r'f"(--[a-z-]+)=', source))
    assert used and used <= OPENRSYNC_KNOWS, used - OPENRSYNC_KNOWS
