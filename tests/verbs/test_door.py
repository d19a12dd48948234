"""The one door: it lists what there is from its files, runs verbs and jobs, and completes words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell.conftest import House, house  # noqa: F401  # the fixture

ROOT = Path(__file__).resolve().parents[2]
VERBS = sorted(path.stem for path in (ROOT / "pyjobs").glob("*.py") if not path.name.startswith("__"))
BATCH = sorted(path.stem for path in (ROOT / "batch").glob("*.sh"))


def through(house: House, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    done = house.run([str(ROOT / "nightdesk"), *words], **env)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_it_lists_every_verb_and_every_job_with_a_line_of_its_own_and_python_says_the_same(house: House) -> None:
    told = through(house).stdout
    rows = [line.split(maxsplit=1) for line in told.splitlines() if line.startswith("  ")]
    assert [name for name, _ in rows] == [*VERBS, *BATCH, "bt_postprocess"]
    assert all(len(what) > 20 and "TODO" not in what for _, what in rows)
    why = "Why did a job keep quiet? One line: ran, skipped because, busy, failed, running, killed, or never started."
    assert ["why", why] in rows
    direct = subprocess.run([sys.executable, "-m", "pyjobs"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert direct.stdout == told


def test_listing_imports_no_verb_and_nothing_heavy() -> None:
    code = "import sys, pyjobs.__main__ as door; door.listing(); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"numpy", "pyarrow", "pandas", "pyjobs.scan", "pyjobs.why"} & set(done.stdout.split("'"))


def test_a_verb_runs_from_anywhere_with_its_own_words_and_exit_code(house: House) -> None:
    told = through(house, "why", "nosuch")
    assert told.returncode == 64 and told.stderr.startswith("why: unknown job 'nosuch'; known: ")
    told = through(house, "scan", "--no-such-flag")
    assert told.returncode == 64 and "python -m pyjobs.scan: usage: unrecognized arguments" in told.stderr
    told = through(house, "scn")
    assert (told.returncode, told.stderr) == (
        64,
        "nightdesk: there is no verb or job 'scn'; did you mean 'scan'?; nightdesk alone lists them\n",
    )


def test_in_the_folder_of_another_clone_it_runs_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "pyjobs").mkdir()
    (tmp_path / "pyjobs/__init__.py").write_text("raise SystemExit(99)\n")
    done = subprocess.run([ROOT / "nightdesk", "help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "  why" in done.stdout


def test_a_job_runs_with_lock_log_and_record_and_prints_on_a_pipe(house: House) -> None:
    told = through(house, "run-prune", "--dry-run")
    assert told.returncode == 0, told.stderr
    assert "0 logs to remove" in told.stdout
    assert [(one["job"], one["outcome"]) for one in house.history()] == [("prune", "ok")]


def test_words_are_completed_verbs_flags_and_desks(house: House) -> None:
    (house.home / "config/desks").mkdir(parents=True)
    for name in ("us", "kr"):
        (house.home / f"config/desks/{name}.yaml").write_text("name: x\n")
    script = f"""eval "$("{ROOT}/nightdesk" completion)"
    words() {{
      COMP_WORDS=("{ROOT}/nightdesk" "$@") COMP_CWORD=$#
      _nightdesk; printf '%s ' "${{COMPREPLY[@]}}"; echo
    }}
    words ch; words scan --s; words run_nightly --desk ''"""
    done = subprocess.run(["bash", "-c", script], env={**os.environ, **house.env()}, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["check_data check_strategy ", "--session ", "kr us "], done.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_takes_the_same_function(house: House) -> None:
    script = f"""autoload -Uz compinit bashcompinit; compinit -u -D; bashcompinit; emulate sh
    eval "$("{ROOT}/nightdesk" completion)"
    COMP_WORDS=("{ROOT}/nightdesk" scan --s) COMP_CWORD=2; _nightdesk; echo "${{COMPREPLY[@]}}" """
    done = subprocess.run(
        ["zsh", "-f", "-c", script], env={**os.environ, **house.env()}, capture_output=True, text=True
    )
    assert "--session" in done.stdout.split() and "setup_backtest" not in done.stdout and done.stderr == ""
