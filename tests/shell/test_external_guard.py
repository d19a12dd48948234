"""Contract 1, guard: an external failure is one line and exit 0, a bug never is; the kind is recorded."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.judge.support.samples import Sample, samples
from tests.shell.conftest import ROOT, House

SKIP = b"[SKIP] external-data-unavailable (guarded)\n"
EVERY_NTH = 9
OWN = """
import sys
from utils.errors import ExternalDataUnavailable
from utils.run import run
def main(argv=None):
    print("429 rows, 503 symbols, timeout=30")
    {body}
if __name__ == "__main__":
    sys.exit(run(main))
"""


def some(expected_external: bool) -> list[Sample]:
    return [sample for sample in samples() if (sample.expect == "external") == expected_external][::EVERY_NTH]


def printing(house: House, sample: Sample) -> list[str]:
    """A program that is not ours: it prints what the sample's program printed, and exits as that did."""
    output = house.home / "output"
    output.write_bytes(sample.output)
    return ["sh", "-c", f"cat '{output}' >&2; exit {sample.exit_code}"]


@pytest.mark.parametrize("sample", some(True), ids=lambda sample: sample.name)
def test_an_outage_seen_by_a_foreign_program_is_a_skip(house: House, sample: Sample) -> None:
    alone = house.run([house.link("run_py_guarded.sh"), *printing(house, sample)])
    assert (alone.returncode, alone.stdout) == (0, SKIP)
    assert alone.stderr == sample.output
    assert house.run(house.chain(*printing(house, sample))).returncode == 0
    assert house.history()[-1]["outcome"] == f"skip:{house.history()[-1]['kind']}"
    assert "[SKIP] external-data-unavailable (guarded)" in house.log()


@pytest.mark.parametrize("sample", some(False), ids=lambda sample: sample.name)
def test_a_bug_of_a_foreign_program_keeps_its_code(house: House, sample: Sample) -> None:
    alone = house.run([house.link("run_py_guarded.sh"), *printing(house, sample)])
    assert (alone.returncode, alone.stdout) == (sample.exit_code, b"")
    assert house.run(house.chain(*printing(house, sample))).returncode == sample.exit_code
    assert house.history()[-1]["outcome"] == "fail"


@pytest.mark.parametrize(
    ("body", "code", "outcome"),
    [
        ('raise ExternalDataUnavailable("rate_limit", provider="yf_index", symbol="^KS11")', 0, "skip:rate_limit"),
        ('import requests; requests.get("http://nowhere.invalid/", timeout=3)', 0, "skip:network"),
        ('raise KeyError("429 Too Many Requests")', 1, "fail"),
        ('open("/nowhere/at/all")', 66, "fail"),
        ('from pathlib import Path; Path("/dev/full").write_text("x")', 73, "fail"),
        ("return 2", 2, "fail"),
        ("return 0", 0, "ok"),
    ],
)
def test_our_own_job_is_judged_by_the_class_it_reports(
    house: House, tmp_path: Path, body: str, code: int, outcome: str
) -> None:
    (tmp_path / "pyjobs").mkdir()
    (tmp_path / "pyjobs" / "__init__.py").touch()
    (tmp_path / "pyjobs" / "own.py").write_text(OWN.format(body=body))
    argv = house.chain(sys.executable, "-u", "-m", "pyjobs.own")
    ended = house.run(argv, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    (record,) = house.history()
    assert (ended.returncode, record["outcome"]) == (code, outcome), house.log()
    assert ("[SKIP] external-data-unavailable (guarded)" in house.log()) == outcome.startswith("skip:")
    if "yf_index" in body:
        assert (record["kind"], record["provider"], record["symbol"]) == ("rate_limit", "yf_index", "^KS11")


def test_a_foreign_program_s_exit_69_is_its_own_affair(house: House) -> None:
    assert house.run([house.link("run_py_guarded.sh"), "sh", "-c", "echo cannot continue; exit 69"]).returncode == 69
