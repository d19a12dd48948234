"""No loop that may meet the outside is without a row in a table, or a reason; no reader waits for a pipe."""

from __future__ import annotations

from pathlib import Path

from tests.one_by_one.support.going import TABLE
from tests.one_by_one.support.loops import loops

ROOT = Path(__file__).resolve().parents[2]
REASONS = Path(__file__).with_name("reasons.txt")
ROWS = {name.split(",")[0] for name in TABLE}


def reasons() -> dict[str, str]:
    """`file function`: what proves its reason, or nothing."""
    found: dict[str, str] = {}
    for line in REASONS.read_text().splitlines():
        if line and not line.startswith("#"):
            file, _, rest = line.partition(": ")
            names, _, proof = rest.partition(" by ")
            for name in names.split():
                assert f"{file} {name}" not in found, line
                found[f"{file} {name}"] = proof
    return found


def has_row(loop: str) -> bool:
    """Whether a table has it: `runs/prune.py look` is that of pyjobs/."""
    file, name = loop.split()
    return any(f"/{file}".endswith(f"/{row.split()[0]}") and name.split(".")[-1] == row.split()[1] for row in ROWS)


def test_every_loop_that_may_meet_the_outside_has_a_row_or_a_reason() -> None:
    found, known = loops(ROOT), reasons()
    nothing = [f"{loop}, line {lines[0]}" for loop, lines in found.items() if not has_row(loop) and loop not in known]
    assert not nothing, "give it a row in a table here, or a line in reasons.txt"
    assert sorted(set(known) - set(found)) == [], "no such loop any more"
    assert [loop for loop in known if has_row(loop)] == [], "it has a row"
    assert [proof for proof in known.values() if proof and not (ROOT / proof).exists()] == []


def test_a_new_loop_is_found_however_it_reaches_a_file(tmp_path: Path) -> None:
    (tmp_path / "pyjobs").mkdir()
    (tmp_path / "pyjobs/deep.py").write_text(
        "import json\nclass Kept:\n    def told(self, path):\n        return json.loads(path.read_bytes())\n"
    )
    tried = "def {}(many):\n  for each in many:\n    try:\n      one(each, K())\n    except OSError:\n      {}\n"
    (tmp_path / "pyjobs/new.py").write_text(
        "from pyjobs import deep\nfrom pyjobs.deep import Kept as K\n"
        "def one(each, kept):\n    return kept.told(each)\n"
        "def a(many):\n    for each in many:\n        one(each, K())\n"
        "def b(many, kept):\n    return [kept.told(each) for each in many]\n"
        "def c(many):\n    return {each: deep.Kept().told(each) for each in many}\n"
        "def d(many):\n    while many:\n        one(many.pop(), K())\n"
        "def e(many):\n    return [each + 1 for each in many]\n"
        "def g(many):\n    return list(map(one, many))\n" + tried.format("f", "pass") + tried.format("h", "raise")
    )
    assert sorted(loops(tmp_path)) == [f"pyjobs/new.py {name}" for name in "abcdgh"]
