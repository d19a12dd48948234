"""The manifest names every byte that differs, and what a run came from."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pyjobs import make_manifest, verify_run
from pyjobs.runs import manifest, provenance
from utils.errors import BadDataError, MissingInputError
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 13, 10, tzinfo=UTC)


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A run of two files with its manifest."""
    folder = tmp_path / "20261120T131000Z-0001"
    (folder / "portfolio/krw/constrained").mkdir(parents=True)
    metrics = {"total_return": 0.25, "sharpe": None, "currency": "KRW", "n_trades": 7, "conventions": {"a": 1}}
    (folder / "portfolio/krw/constrained/metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    (folder / "a.txt").write_bytes(b"hello\n")
    about = manifest.About(
        run_id=folder.name, desk="d", session="2026-11-20", status="ok", started=NOW, finished=NOW, steps=[], inputs={}
    )
    manifest.write(folder, manifest.build(folder, about))
    return folder


def test_sizes_hashes_and_key_figures_are_what_the_files_hold(sealed: Path) -> None:
    told = manifest.read(sealed)
    metrics = (sealed / "portfolio/krw/constrained/metrics.json").read_bytes()
    assert told["files"] == {
        # sha256 of "hello\n" as coreutils' sha256sum prints it
        "a.txt": {"bytes": 6, "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"},
        "portfolio/krw/constrained/metrics.json": {
            "bytes": len(metrics),
            "sha256": hashlib.sha256(metrics).hexdigest(),
        },
    }
    assert told["size_mb"] == (6 + len(metrics)) / 1_000_000
    figures = told["portfolio"]["krw/constrained"]  # type: ignore[index]  # JSON as it comes
    assert (figures["total_return"], figures["sharpe"], figures["n_trades"]) == (0.25, None, 7)
    assert "conventions" not in figures
    assert (told["started_utc"], told["status"], told["schema"]) == ("2026-11-20T13:10:00Z", "ok", 1)


def test_an_untouched_run_verifies_also_when_it_is_pinned(sealed: Path) -> None:
    (sealed / "PINNED").touch()
    assert manifest.verify(sealed) == []


def test_a_changed_byte_a_missing_file_and_an_extra_one_are_each_named(sealed: Path) -> None:
    (sealed / "a.txt").write_bytes(b"hellO\n")
    assert manifest.verify(sealed) == ["'a.txt' has changed (6 bytes, in the manifest 6)"]
    (sealed / "a.txt").unlink()
    assert manifest.verify(sealed) == ["'a.txt' is missing"]
    (sealed / ".b").touch()
    assert manifest.verify(sealed) == ["'a.txt' is missing", "'.b' is not in the manifest"]


def test_a_file_swapped_for_a_link_to_the_same_bytes_has_changed(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"hello\n")
    (sealed / "a.txt").unlink()
    (sealed / "a.txt").symlink_to(tmp_path / "copy")
    assert len(manifest.verify(sealed)) == 1


def test_the_verb_tells_differences_by_exit_code(sealed: Path) -> None:
    assert make_manifest.main(["--out", str(sealed), "--verify"]) == 0
    (sealed / "a.txt").unlink()
    assert run(make_manifest.main, ["--out", str(sealed), "--verify"]) == 65
    (sealed / "manifest.json").unlink()
    assert run(make_manifest.main, ["--out", str(sealed), "--verify"]) == 66


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_manifest_is_refused(sealed: Path, text: str) -> None:
    (sealed / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadDataError):
        manifest.verify(sealed)
    (sealed / "manifest.json").unlink()
    with pytest.raises(MissingInputError):
        manifest.verify(sealed)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@x", *arguments], check=True)


def test_code_is_known_by_commit_dirt_and_content(tmp_path: Path) -> None:
    (tmp_path / "pyjobs").mkdir()
    (tmp_path / "pyjobs/a.py").write_text("x = 1\n", encoding="utf-8")
    without_git = provenance.code(tmp_path)
    assert without_git["commit"] is None and without_git["dirty"] is None
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    clean = provenance.code(tmp_path)
    assert clean["dirty"] is False and clean["sha256"] == without_git["sha256"]
    (tmp_path / "pyjobs/a.py").write_text("x = 2\n", encoding="utf-8")
    dirty = provenance.code(tmp_path)
    assert (dirty["commit"], dirty["dirty"]) == (clean["commit"], True)
    assert dirty["sha256"] != clean["sha256"]


def test_configuration_is_known_by_the_desk_and_by_every_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/a.yaml").write_text("a: 1\n", encoding="utf-8")
    (tmp_path / "desk.yaml").write_text("name: d\n", encoding="utf-8")
    first = provenance.config(tmp_path / "desk.yaml", tmp_path / "config")
    (tmp_path / "config/a.yaml").write_text("a: 2\n", encoding="utf-8")
    second = provenance.config(tmp_path / "desk.yaml", tmp_path / "config")
    assert first["desk_sha256"] == second["desk_sha256"] and first["sha256"] != second["sha256"]
    (tmp_path / "mine.csv").write_text("symbol\nA\n", encoding="utf-8")
    listed = provenance.config(tmp_path / "desk.yaml", tmp_path / "config", [tmp_path / "mine.csv"])
    # printf 'symbol\nA\n' | sha256sum
    assert listed["lists"] == {"mine.csv": "711ba3aa85d7e73ea12970f38c959c61bb25cee23a54b40c04903701659ba548"}
    assert listed["sha256"] != second["sha256"]


def test_dependencies_are_told_without_a_pinned_file_too(tmp_path: Path) -> None:
    without = provenance.dependencies(tmp_path)
    assert without["requirements_sha256"] is None and without["installed"]
    (tmp_path / "requirements-nas.txt").write_text("x==1\n", encoding="utf-8")
    assert provenance.dependencies(tmp_path)["sha256"] != without["sha256"]


def test_verify_run_takes_a_path_a_name_the_newest_or_all(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    runs = tmp_path / "data/server_runs"
    runs.mkdir(parents=True)
    assert run(verify_run.main, []) == 66
    sealed.rename(runs / sealed.name)
    damaged = runs / "20261119T131000Z-0002"
    damaged.mkdir()
    (damaged / "manifest.json").write_text('{"files": {"a": {"bytes": 1, "sha256": "x"}}}', encoding="utf-8")
    assert run(verify_run.main, []) == 0
    assert run(verify_run.main, [sealed.name]) == 0
    assert run(verify_run.main, [str(damaged)]) == 65
    capsys.readouterr()
    assert run(verify_run.main, ["--all"]) == 65
    assert capsys.readouterr().out.splitlines() == [
        f"{damaged.name}: 'a' is missing",
        f"{sealed.name}: every file is as in its manifest",
    ]
    assert run(verify_run.main, ["20200101T000000Z-0000"]) == 66


def test_a_file_larger_than_is_read_at_once_is_hashed_whole(sealed: Path) -> None:
    large = bytes(range(256)) * 8192
    (sealed / "large").write_bytes(large)
    told = manifest.read(sealed)
    told["files"]["large"] = {"bytes": 2_097_152, "sha256": hashlib.sha256(large).hexdigest()}  # type: ignore[index]
    manifest.write(sealed, told)
    assert manifest.verify(sealed) == []
    (sealed / "large").write_bytes(large[:-1] + b"!")
    assert manifest.verify(sealed) == ["'large' has changed (2097152 bytes, in the manifest 2097152)"]


def test_a_pipe_in_a_run_is_left_out_by_name_and_makes_it_partial(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/a.md").write_text("x")
    (tmp_path / "reports/b.md").symlink_to("a.md")
    os.mkfifo(tmp_path / "reports/pipe")
    about = manifest.About(
        run_id="20261120T131000Z-0001", desk="d", session=None, status="ok", started=NOW, finished=NOW, steps=[],
        inputs={},
    )  # fmt: skip
    content = manifest.build(tmp_path, about)
    assert content["left_out"] == {"reports/pipe": "is no file: a pipe, a socket or a device"}
    assert content["status"] == "partial" and list(content["files"]) == ["reports/a.md", "reports/b.md"]  # type: ignore[call-overload]
    manifest.write(tmp_path, content)
    assert manifest.verify(tmp_path) == ["'reports/pipe' is no file: a pipe, a socket or a device"]
