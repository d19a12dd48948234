"""Questions on a terminal: each is put once, also when the run that asked it has failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from utils.errors import UsageError
from utils.settings.dialogue import Dialogue


def number(text: str) -> int:
    if not text.isdigit():
        raise UsageError(f"{text!r} is no number")
    return int(text)


def answering(*answers: str) -> tuple[list[str], Callable[[str], str]]:
    asked: list[str] = []
    left = iter(answers)

    def ask(question: str) -> str:
        asked.append(question)
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    return asked, ask


def test_it_asks_again_until_it_can_read_the_answer_and_never_twice_for_the_same(tmp_path: Path) -> None:
    kept = tmp_path / "data" / "kept.json"
    asked, ask = answering("many", "12")
    assert Dialogue(kept, terminal=True, ask=ask).given("n", None, "how many", number, flag="--n") == 12
    assert asked == ["how many: ", "how many: "]
    later, nobody = answering()
    again = Dialogue(kept, terminal=True, ask=nobody)  # the run in which it was answered failed
    assert again.given("n", None, "how many", number, flag="--n") == 12
    assert later == []
    again.forget()
    assert not kept.exists()


def test_a_flag_wins_and_a_default_is_taken_for_an_empty_answer(tmp_path: Path) -> None:
    asked, ask = answering("")
    dialogue = Dialogue(tmp_path / "kept.json", terminal=True, ask=ask)
    assert dialogue.given("n", "3", "how many", number, flag="--n") == 3
    assert dialogue.given("n", None, "how many", number, flag="--n", default="7") == 7
    assert asked == ["how many [7]: "]


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    asked, ask = answering("1")
    dialogue = Dialogue(tmp_path / "kept.json", terminal=False, ask=ask)
    assert dialogue.given("n", None, "how many", number, flag="--n", default="7") == 7
    with pytest.raises(UsageError, match="--n is needed"):
        dialogue.given("n", None, "how many", number, flag="--n")
    with pytest.raises(UsageError, match="--n: 'x' is no number"):
        dialogue.given("n", "x", "how many", number, flag="--n")
    assert asked == []


def test_a_torn_file_of_answers_counts_as_none_and_a_closed_terminal_is_said(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text('{"n": "1')
    _, ask = answering()
    with pytest.raises(UsageError, match="no answer to 'how many': give it with --n"):
        Dialogue(kept, terminal=True, ask=ask).given("n", None, "how many", number, flag="--n")
