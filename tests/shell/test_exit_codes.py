"""Contract 1: every exit code, and death by signal, reaches cron unchanged, whatever becomes of the log."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.shell.conftest import APART, House, may_mount

MEANT = (0, 1, 2, *range(63, 79), *range(123, 131), 136, 137, 138, 143, 199, 200, 201, 202, 254, 255)
FATAL_SIGNALS = (1, 2, 3, 6, 9, 10, 11, 12, 13, 14, 15)


def each(argv_of, values, house: House) -> dict[int, int]:
    with ThreadPoolExecutor(2) as pool:
        codes = pool.map(lambda value: house.run(argv_of(value)).returncode, values)
        return dict(zip(values, codes, strict=True))


def assert_codes_reach_cron(values: Iterable[int], house: House) -> None:
    codes = each(lambda n: house.chain("bash", "-c", f"exit {n}", name=f"job{n}"), values, house)
    assert codes == {n: 0 if n in (200, 201) else n for n in values}


def test_every_exit_code_with_a_meaning_and_its_neighbours_reach_cron_through_the_whole_chain(house: House) -> None:
    others = random.Random(20261120).sample(range(3, 255), 6)
    assert_codes_reach_cron(sorted({*MEANT, *others}), house)


@pytest.mark.torture
def test_all_256_exit_codes_reach_cron_through_the_whole_chain(house: House) -> None:
    assert_codes_reach_cron(range(256), house)


def test_death_by_signal_reaches_cron_as_128_plus_its_number(house: House) -> None:
    codes = each(lambda n: house.chain("sh", "-c", f"kill -{n} $$", name=f"sig{n}"), FATAL_SIGNALS, house)
    assert codes == {n: 128 + n for n in FATAL_SIGNALS}


@pytest.mark.parametrize("guarded", [True, False])
def test_a_guard_of_the_job_s_own_ends_it_as_a_normal_skip(house: House, guarded: bool) -> None:
    for code, outcome in ((200, "skip:not-a-session"), (201, "skip:outside-hours")):
        script = f"echo rate limit exceeded >&2; exit {code}"  # what it prints decides nothing
        done = house.run(house.chain("bash", "-c", script, name=f"guard{code}", guarded=guarded))
        assert done.returncode == 0
        last = house.history()[-1]
        assert (last["code"], last["outcome"]) == (0, outcome)
        assert f"[SKIP] the job's own guard: {outcome[5:].replace('-', ' ')} ({code})" in house.log(f"guard{code}")


def test_our_own_job_s_code_69_becomes_a_skip_and_every_other_code_passes(house: House, tmp_path: Path) -> None:
    package = tmp_path / "pyjobs"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "leave.py").write_text("import sys; sys.exit(int(sys.argv[1]))")
    for code, seen in ((0, 0), (1, 1), (2, 2), (69, 0), (75, 75), (78, 78), (255, 255)):
        argv = house.chain(house.env()["PYTHONBIN"], "-m", "pyjobs.leave", str(code), name=f"own{code}")
        assert house.run(argv, PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="1").returncode == seen
        assert ("[SKIP] external-data-unavailable (guarded)" in house.log(f"own{code}")) == (code == 69)
    assert [record["outcome"] for record in house.history() if record["job"] == "own69"] == ["skip:external"]


@pytest.mark.parametrize("code", [0, 3, 69, 143, 255])
def test_the_code_survives_a_log_and_a_history_on_a_full_disk(house: House, code: int) -> None:
    logs = house.home / "logs"
    logs.mkdir()
    for day in ("2026-11-20", "2026-11-21"):
        (logs / f"job_{day}.log").symlink_to("/dev/full")
    (logs / "history.jsonl").symlink_to("/dev/full")
    ended = house.run(house.chain("bash", "-c", f"seq 20000; exit {code}"), NIGHTDESK_NOW="1795143600")
    assert ended.returncode == code
    assert b"bytes of the log were lost: No space left on device" in ended.stderr
    assert b"cannot add to logs/history.jsonl: No space left on device" in ended.stderr


@pytest.mark.skipif(not may_mount(), reason="a small tmpfs cannot be mounted here")
def test_a_disk_that_fills_up_costs_log_lines_and_nothing_else(house: House) -> None:
    logs = house.home / "logs"
    logs.mkdir()
    script = (
        f"mount -t tmpfs -o size=1m tmpfs '{logs}' && cd / && "
        + " ".join(f"'{part}'" for part in house.chain("bash", "-c", "seq 2000000; exit 7"))
        + f"; echo code=$?; tail -c 200 '{logs}'/history.jsonl; wc -c < '{logs}'/job_*.log"
    )
    ended = house.run([*APART, "bash", "-c", script])
    assert b"code=7" in ended.stdout
    assert b"lost: No space left on device" in ended.stderr


def test_a_missing_command_is_127_and_one_that_cannot_be_executed_126(house: House, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("not a program")
    assert house.run(house.chain("/nowhere/at/all", name="a", guarded=False)).returncode == 127
    assert house.run(house.chain(str(plain), name="b", guarded=False)).returncode == 126
    assert "cannot start '/nowhere/at/all': No such file or directory" in house.log("a")


def test_a_daemon_that_keeps_stdout_neither_holds_the_chain_up_nor_changes_the_code(house: House) -> None:
    ended = house.run(house.chain("bash", "-c", "sleep 300 & exit 5"))
    assert ended.returncode == 5
    assert not house.wait_until_gone()
    assert "left processes behind" in house.log()


def test_arguments_arrive_untouched(house: House) -> None:
    arguments = ["two words", "it's", '"quoted"', "S&P500", "*", "a\nb", "", "삼성전자", "--", "$HOME", "\\", " ", "-n"]
    printer = "import sys; sys.stdout.buffer.write(b'\\0'.join(map(__import__('os').fsencode, sys.argv[1:])))"
    target = house.home / "arguments"
    argv = house.chain("bash", "-c", f'"$0" "$@" >"{target}"', house.env()["PYTHONBIN"], "-c", printer, *arguments)
    assert house.run(argv).returncode == 0
    assert target.read_bytes().decode().split("\0") == arguments


@pytest.mark.parametrize("script", ["run_with_lock.sh", "_run_generic.sh", "run_py_guarded.sh"])
def test_wrong_use_is_64_with_usage_and_help_is_the_header(house: House, script: str) -> None:
    assert house.run([house.link(script)]).returncode == 64
    helped = house.run([house.link(script), "-h"])
    assert helped.returncode == 0
    assert helped.stdout.startswith(b"Summary: ") and b"Usage: " + script.encode() in helped.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--log", "a", "true"], b"the -- before the command is missing"),
        (["--log", "a", "--", ""][:3], b"there is no command after --"),
        (["--log", "../a", "--", "true"], b"--log NAME is needed"),
        (["--log", "a", "--guard", "weekday", "--", "true"], b"--guard is none, td or th, not 'weekday'"),
        (["--log", "a", "--retry-max", "two", "--", "true"], b"--retry-max takes a whole number, not 'two'"),
        (["--log", "a", "--retries", "2", "--", "true"], b"unknown option '--retries'"),
    ],
)
def test_each_misuse_of_the_runner_is_named(house: House, options: list[str], says: bytes) -> None:
    ended = house.run([house.link("_run_generic.sh"), *options])
    assert (ended.returncode, says in ended.stderr) == (64, True), ended.stderr
    assert not list(house.home.glob("logs/*"))


def test_a_clone_under_a_path_with_a_space_runs_from_anywhere_and_under_plain_sh(house: House, tmp_path: Path) -> None:
    clone = tmp_path / "my desk & more"
    clone.mkdir()
    for folder in ("batch", "jobs", "config", "utils"):
        subprocess.run(["cp", "-R", str(house.clone / folder), str(clone)], check=True)
    elsewhere = House(home=clone, clone=clone)
    env = {"NIGHTDESK_NOW": "1795143600"}
    assert elsewhere.run(elsewhere.chain("bash", "-c", "pwd; exit 4"), **env).returncode == 4
    assert elsewhere.run(["sh", *elsewhere.chain("bash", "-c", "exit 6")], **env).returncode == 6
    closed = subprocess.run(
        ["sh", "run_scanner.sh"],
        cwd=clone / "batch",
        env={"PATH": "/usr/bin:/bin", "NIGHTDESK_NOW": "1795200000", "PYTHONBIN": house.env()["PYTHONBIN"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert (closed.returncode, closed.stderr) == (0, b"")
    assert "is not a trading day of XKRX" in elsewhere.log("scanner")
