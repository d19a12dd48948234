"""The judge of foreign programs, held against a corpus of real outputs: no bug is ever excused."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.external.samples import Sample, samples
from utils.errors import EXTERNAL_KINDS
from utils.external_errors import RULES_PATH, RulesError, Verdict, judge, load_rules

ROOT = Path(__file__).resolve().parents[2]
RULES = load_rules(RULES_PATH)
CORPUS = samples()
EXTERNALS = [sample for sample in CORPUS if sample.expect == "external"]
BUGS = [sample for sample in CORPUS if sample.expect == "bug"]
SETS = sorted({sample.set for sample in CORPUS})
NOISE = [
    b"INFO SMP001: 429 rows, 503 symbols left, timeout=30",
    b"2026-11-20 02:10:11 WARNING yf_index ^KS11: 429 Too Many Requests, retrying in 2.0 s",
    b"ERROR:root:bitfinex: 503 Service Unavailable; using parquet instead",
    b"curl: (28) Operation timed out after 2000 milliseconds with 0 bytes received",
    b"ts_ms,status\n1763600000000,503 Service Unavailable",
    b"Read timed out. (read timeout=30)",
    b"<html><title>502 Bad Gateway</title></html>",
    b"rate limit: 10 per minute",
]
BUG_TRACEBACKS = [
    b'Traceback (most recent call last):\n  File "/home/user/desk/pyjobs/scan.py", line 12, in main\n'
    b"    print(row['close'])\n          ~~~^^^^^^^^^\nKeyError: 'close'\n",
    b'Traceback (most recent call last):\n  File "scan.py", line 3, in <module>\n    assert rows == 503\n'
    b"           ^^^^^^^^^^^\nAssertionError: 429 Too Many Requests\n",
    b'Traceback (most recent call last):\n  File "scan.py", line 3, in <module>\n    write(path)\n'
    b"OSError: [Errno 28] No space left on device: 'reports/scan.json'\n",
    b'Traceback (most recent call last):\n  File "scan.py", line 9, in <module>\n    1 / 0\n    ~~^~~\n'
    b"ZeroDivisionError: division by zero\n",
]


def verdict(sample: Sample) -> Verdict:
    return judge(sample.output, sample.exit_code, RULES)


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(EXTERNALS) >= 250
    assert len(BUGS) >= 150
    assert {kind for sample in EXTERNALS for kind in sample.kinds} == set(EXTERNAL_KINDS)


@pytest.mark.parametrize("name", SETS)
def test_no_bug_is_excused(name: str) -> None:
    excused = [(s.family, s.name, verdict(s)) for s in BUGS if s.set == name and verdict(s).external]
    assert excused == []


def test_what_could_be_ours_is_not_excused() -> None:
    assert [s.name for s in CORPUS if s.expect == "unclear" and verdict(s).external] == []


@pytest.mark.parametrize("name", SETS)
def test_nearly_every_external_failure_is_recognised(name: str) -> None:
    of_set = [s for s in EXTERNALS if s.set == name]
    missed = [(s.family, s.name, verdict(s)) for s in of_set if not verdict(s).external]
    assert len(missed) <= 0.05 * len(of_set), missed


def test_every_kind_is_recognised_and_named_right() -> None:
    right, all_of = Counter[str](), Counter[str]()
    for sample in EXTERNALS:
        all_of[sample.kinds[0]] += 1
        right[sample.kinds[0]] += verdict(sample).kind in sample.kinds
    assert {kind: right[kind] for kind in all_of if right[kind] < 0.9 * all_of[kind]} == {}


@pytest.mark.parametrize("traceback", BUG_TRACEBACKS, ids=range(len(BUG_TRACEBACKS)))
def test_a_bug_after_anything_is_a_bug(traceback: bytes) -> None:
    assert [s.name for s in CORPUS if judge(s.output + traceback, 1, RULES).external] == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sample=st.sampled_from(EXTERNALS + BUGS), noise=st.lists(st.sampled_from(NOISE), max_size=6))
def test_noise_before_the_final_error_changes_nothing(sample: Sample, noise: list[bytes]) -> None:
    before = b"\n".join([*noise, b"go on", b""])
    assert judge(before + sample.output, sample.exit_code, RULES).external == verdict(sample).external


@settings(max_examples=200, deadline=None)
@given(output=st.binary(max_size=2000), code=st.integers(-64, 300))
def test_any_bytes_get_a_verdict(output: bytes, code: int) -> None:
    found = judge(output, code, RULES)
    assert found.external == (found.kind is not None)


@pytest.mark.parametrize("code", [0, -9, 124, 126, 127, 129, 130, 137, 139, 141, 143, 200, 201])
def test_signals_time_limits_and_guards_are_never_external(code: int) -> None:
    assert judge(b"curl: (28) Operation timed out\n", 28, RULES).external
    assert not judge(b"curl: (28) Operation timed out\n", code, RULES).external


def test_gits_128_and_sshs_255_are_not_signals() -> None:
    git = b"fatal: unable to access 'https://example.org/desk.git/': Could not resolve host: example.org\n"
    assert judge(git, 128, RULES).kind == "network"
    assert judge(b"ssh: connect to host nas.example port 22: No route to host\n", 255, RULES).kind == "network"


def test_a_gateway_on_this_machine_that_is_down_is_external_and_a_database_is_ours() -> None:
    refused = b"curl: (7) Failed to connect to %s port %d after 0 ms: Couldn't connect to server\n"
    assert judge(refused % (b"api.example.org", 443), 7, RULES).kind == "network"
    assert judge(refused % (b"127.0.0.1", 4002), 7, RULES).kind == "network"
    assert not judge(refused % (b"localhost", 6379), 7, RULES).external
    psql = b'psql: error: connection to server at "localhost" (::1), port 5432 failed: Connection refused\n'
    assert not judge(psql, 2, RULES).external


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("acme.errors.RateLimitError", "rate_limit"),
        ("acme.errors.APITimeoutError", "timeout"),
        ("acme.errors.ServiceUnavailableError", "outage"),
        ("acme.errors.APIConnectionError", "network"),
    ],
)
def test_an_unknown_library_is_known_by_the_names_of_its_classes(name: str, kind: str) -> None:
    said = f'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\n    get()\n{name}: sorry\n'
    assert judge(said.encode(), 1, RULES).kind == kind


def test_output_is_judged_by_its_last_64_kib() -> None:
    rows = b"SMP001: 429 rows\n" * 60_000
    assert judge(rows + b"curl: (6) Could not resolve host: api.example.org\n", 6, RULES).external
    assert not judge(b"curl: (6) Could not resolve host: api.example.org\n" + rows, 6, RULES).external


@pytest.mark.parametrize("piece", [b"a: ", b"error: ", b"A^.^", b"{", b"!*"])
def test_one_endless_line_does_not_keep_the_judge_busy(piece: bytes) -> None:
    started = time.process_time()
    judge(piece * (65_536 // len(piece)), 1, RULES)
    assert time.process_time() - started < 5  # took 10 to 19 s before lines were cut


def test_every_rule_has_a_source() -> None:
    tables = tomllib.loads(RULES_PATH.read_text(encoding="utf-8"))
    for name, table in tables.items():
        for number, rule in enumerate(table if isinstance(table, list) else [table]):
            assert name == "policy" or len(rule["source"]) > 10, f"{name}[{number}]"


def test_every_rule_is_used_by_a_sample_or_says_why_not() -> None:
    tables = tomllib.loads(RULES_PATH.read_text(encoding="utf-8"))
    text = "\n".join(sample.output.decode("utf-8", "replace") for sample in CORPUS)
    used = {verdict(sample).rule for sample in CORPUS}
    silent = [
        f"{table}[{number}]"
        for table in ("message", "ours", "drift", "exception_name")
        for number, rule in enumerate(tables[table])
        if f"{table}[{number}]" not in used and not rule.get("unused") and not _seen(rule, text)
    ]
    silent += [
        rule["module"]
        for rule in tables["exception"]
        if rule["module"] not in ("builtins", "java") and f"{rule['module']}." not in text and not rule.get("unused")
    ]
    assert silent == []


def _seen(rule: dict[str, str], text: str) -> bool:
    """`ours` rules stand behind the class rules too, so a text that holds them is use enough."""
    return "pattern" in rule and "kind" not in rule and bool(re.search(rule["pattern"], text, re.MULTILINE))


def test_a_broken_rules_file_names_itself_and_the_entry(tmp_path: Path) -> None:
    broken = tmp_path / "rules.toml"
    broken.write_text(RULES_PATH.read_text(encoding="utf-8").replace('kind = "outage"', 'kind = "outrage"', 1))
    with pytest.raises(RulesError, match=r"rules\.toml: ValueError: unknown kind 'outrage'"):
        load_rules(broken)
    with pytest.raises(RulesError, match="absent"):
        load_rules(tmp_path / "absent.toml")


def test_the_judge_needs_nothing_but_the_standard_library() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from utils.external_errors import RULES_PATH, judge, load_rules\n"
        "print(judge(sys.stdin.buffer.read(), 6, load_rules(str(RULES_PATH))).kind)\n"
    )
    command = [sys.executable, "-I", "-S", "-c", program, str(ROOT)]
    said = b"curl: (6) Could not resolve host: api.example.org\n"
    assert subprocess.run(command, input=said, capture_output=True, check=True).stdout == b"network\n"
