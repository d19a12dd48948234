"""A lock file that no run can open is named before the run that needs it fails."""

from __future__ import annotations

from pathlib import Path

from pyjobs.runs.verdict.places import check_lock_files


def test_only_what_cannot_be_opened_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "scanner.lock").touch()
    (tmp_path / "nightly.lock").mkdir()
    (tmp_path / "prune.lock").symlink_to("nowhere/at/all")
    (tmp_path / "ingest.holder").mkdir()
    found = list(check_lock_files(tmp_path))
    assert [(each.name, each.state) for each in found] == [("lock nightly", "FAIL"), ("lock prune", "FAIL")]
    assert str(tmp_path / "nightly.lock") in found[0].detail
    assert list(check_lock_files(tmp_path / "none")) == []
