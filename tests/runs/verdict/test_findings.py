"""How what was found is shown."""

from __future__ import annotations

from pyjobs.runs.verdict import findings
from pyjobs.runs.verdict.findings import Check


def test_jobs_keep_their_lines_and_many_instances_of_one_are_a_line() -> None:
    jobs = [Check(f"{job}@{desk}", "OK", "ran", "job") for job in ("nightly", "eod", "scan") for desk in "abcde"]
    series = [Check(f"ingest@{n}", "OK", "ran", "job") for n in range(99)]
    lines = findings.as_lines([*jobs, *series])
    assert [line.split()[2] for line in lines] == [*(check.name for check in jobs), "ingest"]
    assert "99 are well" in lines[-1]
