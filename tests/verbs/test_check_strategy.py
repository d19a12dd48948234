"""A strategy of one's own, as one file: checked by a verb, and in nobody else's way when it is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pyjobs import check_strategy
from pyjobs.strategy import library, registry
from pyjobs.strategy.registry import make_setup
from utils.errors import ConfigError, UsageError

MA_CROSS = Path(library.__file__).with_name("ma_cross.py")
BROKEN = {
    "no_syntax": ("def f(:\n", "SyntaxError: invalid syntax (no_syntax.py, line 1)"),
    "no_import": ("import numpy as np\nfrom nowhere import sma\n", "No module named 'nowhere' (no_import.py, line 2)"),
    "no_entry": ("ENTRIES = 1\n", "AttributeError: module 'pyjobs.strategy.library.no_entry' has no attribute 'ENTRY'"),
    "no_record": ("ENTRY = 1\n", "its ENTRY is of type int, not an Entry"),
}
OWN = (*BROKEN, "unfit", "mine", "seer")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files are in the library, until the test ends."""
    monkeypatch.setattr(library, "__path__", [*library.__path__, str(tmp_path)])
    monkeypatch.setattr(registry, "REGISTRY", registry.Registry(["ma_cross", *OWN]))
    return tmp_path


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_loaded_is_told_with_its_line_and_stops_no_other(folder: Path, name: str) -> None:
    text, message = BROKEN[name]
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"desk.yaml: setups: '{name}' cannot be loaded: ") as caught:
        make_setup(name, {}, source="desk.yaml")
    assert message in str(caught.value)
    assert make_setup("ma_cross", {}, source="desk.yaml").lookback == 61
    with pytest.raises(UsageError, match="cannot be loaded"):
        check_strategy.main([name])


def test_a_record_that_does_not_take_what_its_ranges_promise_is_told(folder: Path) -> None:
    text = MA_CROSS.read_text(encoding="utf-8").replace('"fast": (1, 1000)', '"quick": (1, 1000)')
    (folder / "unfit.py").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"unfit: its ENTRY and its record do not fit each other: .*'quick'"):
        make_setup("unfit", {"quick": 3}, source="desk.yaml")


def test_a_good_file_passes_and_one_that_looks_ahead_fails_with_what_it_saw(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(MA_CROSS, folder / "mine.py")
    ahead = MA_CROSS.read_text(encoding="utf-8").replace(
        "bars.close, self.fast)", "np.concatenate((bars.close[1:], bars.close[-1:])), self.fast)", 1
    )
    ahead = ahead.replace("from dataclasses import", "import numpy as np\nfrom dataclasses import", 1)
    (folder / "seer.py").write_text(ahead, encoding="utf-8")
    windows = ["--param", "fast=4", "--param", "slow=11"]
    assert check_strategy.main(["mine", *windows, "--param", "side=both"]) == 0
    assert capsys.readouterr().out == ("[PASS] mine side=both without exits\n[PASS] mine side=both with exits\n")
    assert check_strategy.main(["seer", *windows]) == 65
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["[FAIL] seer side=long without exits", "  looks_ahead: entry looks 1 bars ahead"]
