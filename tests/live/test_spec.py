"""What a loop is, and by which code it decides."""

from __future__ import annotations

from pathlib import Path

from pyjobs.live.spec import _written, code_of


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
