"""What a loop is, and by which code it decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.live.spec import _written, code_of, of_row
from utils.errors import ConfigError


def test_the_fingerprint_of_what_decides_is_of_the_strategys_file_and_all_that_it_stands_on(home: Path) -> None:
    own = home / "strategies"
    (own / "lib").mkdir(parents=True)
    lines = {"mine.py": "from strategies import helper", "helper.py": "from .lib import deep", "lib/deep.py": "X = 1"}
    for name, line in {**lines, "other.py": "X = 1"}.items():
        (own / name).write_text(line + "\n")

    def code() -> str:
        code_of.cache_clear()
        return code_of("mine")

    was = code()
    for name in lines:
        (own / name).write_text(lines[name] + "  # another\n")
        assert code() != was, name
        was = code()
    (own / "other.py").write_text("X = 2\n")
    assert code() == was
    (own / "helper.py").write_text("no Python\n")  # a step refuses it
    assert len(code()) == 12 and {"breakout.py", "breakout_20.py"} <= {path.name for path in _written("breakout_20")}


def test_a_journals_row_of_a_timeframe_that_there_is_not_is_refused_by_its_file() -> None:
    row = ["MADEUP", "BTC", "7x", *[""] * 6, "ma_cross:cash=1.0;fee_bps=0.0;max_gap_bars=0;market=24/7"]
    with pytest.raises(ConfigError, match="'7x' is no timeframe"):
        of_row("paper", row, "BTC", "decisions.csv")
