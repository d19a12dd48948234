"""Progress on a terminal and in a log."""

from __future__ import annotations

import io

from utils.progress import ProgressReport


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_every_ten_seconds_and_no_more() -> None:
    now = [0.0]
    log = io.StringIO()
    progress = ProgressReport(log, clock=lambda: now[0])
    for second in range(26):
        now[0] = float(second)
        progress(second, 100, "A:B:1m")
    assert log.getvalue() == " 10% 10/100 A:B:1m, 90 s left\n 20% 20/100 A:B:1m, 80 s left\n"


def test_before_a_twentieth_is_done_nobody_is_told_how_long_the_rest_takes() -> None:
    now = [0.0]
    log = io.StringIO()
    progress = ProgressReport(log, clock=lambda: now[0])
    now[0] = 40.0  # of waiting for the first answer
    progress(1, 2701, "KRX:000020:1d")
    now[0] = 52.0
    progress(200, 2701, "KRX:000660:1d")
    assert log.getvalue() == "  0% 1/2701 KRX:000020:1d\n  7% 200/2701 KRX:000660:1d, 650 s left\n"


def test_a_terminal_gets_a_bar_that_is_redrawn_and_ends_with_its_line() -> None:
    now = [0.0]
    terminal = Terminal()
    progress = ProgressReport(terminal, clock=lambda: now[0])
    now[0] = 1.0
    progress(5, 10, "A")
    progress(10, 10, "A")
    assert terminal.getvalue() == (
        "\r\x1b[K[###############...............]  50% A, 1 s left\r\x1b[K[##############################] 100% A\n"
    )


def test_what_is_said_between_has_a_line_of_its_own_in_the_place_of_the_bar() -> None:
    terminal, log = Terminal(), io.StringIO()
    ProgressReport(terminal).say("waiting")
    ProgressReport(log).say("waiting")
    assert (terminal.getvalue(), log.getvalue()) == ("\r\x1b[Kwaiting\n", "waiting\n")
