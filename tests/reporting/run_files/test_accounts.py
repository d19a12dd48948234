"""A run's files as a killed machine may leave them: what cannot be read is noted, and stops no report."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.account.figures.account_types import Metrics
from pyjobs.reporting.charts import equity_chart
from pyjobs.reporting.price_pictures import past_triggers
from pyjobs.reporting.run_files.accounts import VARIANTS, AccountFiles, Curve, Variant, read_account

ZEROES = b"\0" * 200_000  # more than a cell of the csv module may hold


@pytest.mark.parametrize("name", ["equity_curve.csv", "positions.csv"])
def test_a_file_that_is_a_block_of_zeroes_is_told_and_not_a_traceback(tmp_path: Path, name: str) -> None:
    account = tmp_path / "portfolio/krw"
    (account / "constrained").mkdir(parents=True)
    (account / "constrained" / name).write_bytes(b"session,equity\n" + ZEROES)
    missing: dict[str, str] = {}
    assert read_account(tmp_path, account, missing).variants == {}
    assert missing[f"portfolio/krw/constrained/{name}"].startswith("is not as expected: field larger")


def test_a_curve_with_a_day_that_is_none_is_told(tmp_path: Path) -> None:
    account = tmp_path / "portfolio/krw"
    (account / "constrained").mkdir(parents=True)
    (account / "constrained/metrics.json").write_text("{}")
    (account / "constrained/equity_curve.csv").write_text("session,equity\n2026-13-20,1\n")
    missing: dict[str, str] = {}
    assert read_account(tmp_path, account, missing).variants == {}
    assert "month must be in 1..12" in missing["portfolio/krw/constrained/equity_curve.csv"]


def test_an_account_of_which_one_curve_has_lost_its_sessions_is_drawn_with_the_other(tmp_path: Path) -> None:
    whole = Curve(sessions=["2026-11-18", "2026-11-19", "2026-11-20"], values=[1.0, 1.1, 1.2])
    part = Curve(sessions=["2026-11-17", "2026-11-20"], values=[1.0, 1.2])
    for others in ([Curve(sessions=[], values=[]), whole], [whole, part]):
        curves = zip(VARIANTS, others, strict=True)
        variants = {name: Variant(metrics=Metrics(), equity=curve) for name, curve in curves}
        equity_chart(tmp_path / "equity.png", AccountFiles(name="krw", variants=variants, benchmark=None))
        assert (tmp_path / "equity.png").stat().st_size > 1000


def test_triggers_that_are_a_block_of_zeroes_are_none(tmp_path: Path) -> None:
    (tmp_path / "triggers.csv").write_bytes(b"exchange,symbol,timeframe,ts_ms,setup\n" + ZEROES)
    assert past_triggers(tmp_path / "triggers.csv") == {}
