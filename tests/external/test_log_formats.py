"""What rich, loguru and JSON loggers draw is read as the traceback it is."""

from __future__ import annotations

import json

import pytest

from utils.external_errors import RULES_PATH, judge, load_rules
from utils.foreign_errors.final_error import clean_lines, last_traceback

RULES = load_rules(RULES_PATH)
BOX = """\
╭───────── Traceback (most recent call last) ─────────╮
│ /home/user/desk/fetch.py:7 in <module>             │
│                                                      │
│   6 # retry on 503                                   │
│ ❱ 7 fetch()                                          │
│                                                      │
│ /home/user/venv/lib/python3.11/site-packages/reque │
│ sts/models.py:1167 in raise_for_status               │
│                                                      │
│ ❱ 1167 │   │   raise HTTPError(message)              │
╰──────────────────────────────────────────────────────╯
%s
"""
TRACEBACK = 'Traceback (most recent call last):\n  File "fetch.py", line 7, in <module>\n    fetch()\n%s'
HTTP_503 = "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://api.example.com/x"
KEY = "KeyError: 'http_503_count'"


def kind(output: str) -> str | None:
    return judge(output.encode(), 1, RULES).kind


def test_a_box_of_rich_has_the_frames_it_shows() -> None:
    found = last_traceback(clean_lines((BOX % "KeyError: 'close'").encode()))
    assert found is not None
    assert [(frame.file, frame.function, frame.source) for frame in found.final.frames] == [
        ("/home/user/desk/fetch.py", "<module>", "fetch()"),
        (
            "/home/user/venv/lib/python3.11/site-packages/requests/models.py",
            "raise_for_status",
            "raise HTTPError(message)",
        ),
    ]
    assert (found.final.name, found.final.message) == ("KeyError", "'close'")


def test_a_message_that_rich_wrapped_is_one_message() -> None:
    assert (
        kind(BOX % "HTTPError: 429 Client Error: Too Many Requests for url: \nhttps://api.example.com/x")
        == "rate_limit"
    )
    assert kind(BOX % KEY) is None


@pytest.mark.parametrize(("final", "expected"), [(HTTP_503, "outage"), (KEY, None)])
def test_a_traceback_inside_a_json_record_is_found(final: str, expected: str | None) -> None:
    for field in ("exception", "exc_info", "text"):
        record = {"level": "error", "event": "429 Too Many Requests seen", field: TRACEBACK % final}
        assert kind(json.dumps(record)) == expected


@pytest.mark.parametrize(("final", "expected"), [(HTTP_503, "outage"), (KEY, None)])
def test_the_marked_frame_of_loguru_is_a_frame(final: str, expected: str | None) -> None:
    assert kind((TRACEBACK % final).replace('  File "fetch.py"', '\n> File "fetch.py"')) == expected


def test_a_summary_hides_no_cause_and_names_none() -> None:
    said = "2026-11-20 02:10:11 ERROR AAPL: 503 Server Error: Service Unavailable for url: https://api.example.com/x\n"
    assert kind(said + "2026-11-20 02:10:11 ERROR 1 of 3 symbols failed\nFAILED: AAPL\n==========\n") == "outage"
    assert kind(said + "2026-11-20 02:10:11 INFO running 3 setups\n2026-11-20 02:10:12 ERROR backtest failed\n") is None
    assert kind(said + "2026-11-20 02:10:11 ERROR signals.csv: column missing\n") is None


def test_what_a_message_quotes_is_data() -> None:
    said = TRACEBACK % "ConfigError: on_rate_limit: 'too many requests' is not one of skip, fail"
    assert kind(said) is None
    assert kind("ERROR: unknown policy '503 Service Unavailable'\n") is None
    assert kind("ERROR: https://api.example.com/x: 503 Service Unavailable\n") == "outage"


def test_nothing_to_take_from_right_after_the_client_said_so_is_the_clients() -> None:
    failed = "1 Failed download:\n['SPY']: YFRateLimitError('Too Many Requests. Rate limited. Try after a while.')\n"
    empty = TRACEBACK % "IndexError: single positional indexer is out-of-bounds\n"
    assert kind(failed + empty) == "rate_limit"
    assert kind(failed + "loaded 250 rows of SPY from the cache\n" + empty) is None
    assert kind(failed + TRACEBACK % "KeyError: 'close'\n") is None
