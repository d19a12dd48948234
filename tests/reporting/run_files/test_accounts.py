"""A run's files as a killed machine may leave them: what cannot be read is told, and stops no report."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.reporting.price_pictures import past_triggers
from pyjobs.reporting.run_files.accounts import read_account

ZEROES = b"\0" * 200_000  # more than a cell of the csv module may hold


@pytest.mark.parametrize("name", ["equity_curve.csv", "positions.csv"])
def test_a_file_that_is_a_block_of_zeroes_is_told_and_not_a_traceback(tmp_path: Path, name: str) -> None:
    account = tmp_path / "portfolio/krw"
    (account / "constrained").mkdir(parents=True)
    (account / "constrained" / name).write_bytes(b"session,equity\n" + ZEROES)
    missing: dict[str, str] = {}
    assert read_account(tmp_path, account, missing).variants == {}
    assert missing[f"portfolio/krw/constrained/{name}"].startswith("is not as expected: field larger")


def test_triggers_that_are_a_block_of_zeroes_are_none(tmp_path: Path) -> None:
    (tmp_path / "triggers.csv").write_bytes(b"exchange,symbol,timeframe,ts_ms,setup\n" + ZEROES)
    assert past_triggers(tmp_path / "triggers.csv") == {}
