"""The judge of foreign programs, held against a corpus of real outputs: no bug is ever excused.

The set `unseen` was measured once, before any rule knew it (2026-11-29): 90 of 95 external failures recognised, 89 of
them with the right kind, none of 64 bugs excused; the judge before this one, twice its size, recognised 90 and excused
5 of the 64. One rule was corrected after that look (a class called `Empty`): two of the five misses are recognised now.
A hundred and eight bugs by hand (2026-11-29), each with words of the network in it: 16 were excused at first, now none.
Eighty-four new programs (2026-11-30; Python, curl, wget, git, node, plain text): 41 of 42 external failures recognised,
one of 42 bugs excused (a page in a file of its own, read by node's `JSON.parse`), now none.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.judge import RULES_PATH, RulesError, Verdict, judge, load_rules
from tests.judge.support.samples import Sample, samples
from utils.errors import EXTERNAL_KINDS, NETWORK_FORBIDDEN
from utils.exception_classes import CLASSES_PATH, KINDS, load_classes

ROOT = Path(__file__).resolve().parents[2]
RULES = load_rules()
CORPUS = samples()
EXTERNALS = [sample for sample in CORPUS if sample.expect == "external"]
BUGS = [sample for sample in CORPUS if sample.expect == "bug"]
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
FRAME = 'Traceback (most recent call last):\n  File "/home/user/desk/scan.py", line 3, in <module>\n    run()\n'
BUG_LINES = [
    "KeyError: 'close'",
    "AssertionError: 429 Too Many Requests",
    "OSError: [Errno 28] No space left on device: 'reports/scan.json'",
    "ZeroDivisionError: division by zero",
]
OF_A_VALUE = [  # a value, a setting or a name is refused: whatever word of the network it holds, a person has to look
    "RuntimeError: rate limit exceeded must be a number, not None",
    "config error: connection timeout must be positive, got -5",
    "ERROR strategy rsi: read timeout of -1 seconds is not a number",
    "ERROR: report.yaml: retries: connection reset is no choice (one of never, always)",
    "__main__.RetryError: connection settings wrong: connection reset must be true or false",
    "error: file state.json is not valid JSON",
    "error: no such setting: connection refused policy",
    "error: option session expired: expected true or false",
    "ERROR: order 17 has status 500, want 1..9",
    "error: writing report: connection timed out column missing",
    "Error: HTTP 503 handler not registered",
    "Exception: request timed out waiting for own worker",
    "ERROR: file lock.json: connection lost marker not removed by the last run",
    "ERROR root: division by zero while computing HTTP 500 rate",
    "java.lang.IllegalStateException: Connection closed twice by the same thread",
]
WAITS_FOR_US = [  # by class before any message: what ran out is a pool, a queue, a future or a lock of this program
    "TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00",
    "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00",
    "psycopg_pool.PoolTimeout: couldn't get a connection after 30.00 sec",
    "psycopg2.pool.PoolError: connection pool exhausted",
    "pymongo.errors.WaitQueueTimeoutError: Timed out while checking out a connection from connection pool",
    "urllib3.exceptions.EmptyPoolError: HTTPConnectionPool(host='api.example.org', port=80): Pool is empty",
    "httpx.PoolTimeout",
    "httpcore.PoolTimeout: timed out",
    "redis.exceptions.ConnectionError: No connection available.",
    "redis.exceptions.ConnectionError: Too many connections",
    "redis.exceptions.LockError: Unable to acquire lock within the time specified",
    "concurrent.futures._base.TimeoutError: 2 (of 5) futures unfinished",
    "filelock._error.Timeout: The file lock 'net.lock' could not be acquired.",
    "multiprocessing.context.TimeoutError",
    "_queue.Empty",
    "asyncio.exceptions.QueueFull",
    "HikariPool-1 - Connection is not available, request timed out after 30000ms.",
    "2026-11-20 02:10:11 ERROR worker 3 timed out after 30 s waiting for the result queue",
    "ERROR: connection pool exhausted (10 in use), timed out after 30 s",
    "ERROR: queue 'orders' closed: connection reset by consumer",
    "ERROR: future was cancelled: connection lost",
    'FATAL: sorry, too many connections for role "desk"',
    '{"level":"error","msg":"pool timed out while waiting for an open connection"}',
]


def verdict(sample: Sample) -> Verdict:
    return judge(sample.output, sample.exit_code, RULES)


def kind(output: str, code: int = 1, command: tuple[str, ...] = ()) -> str | None:
    return judge(output.encode(), code, RULES, command).kind


def test_the_corpus_is_small_and_means_something() -> None:
    assert len(CORPUS) <= 300
    assert min(len([s for s in found if s.set == "unseen"]) for found in (EXTERNALS, BUGS)) >= 60
    assert {kind for sample in EXTERNALS for kind in sample.kinds} == set(EXTERNAL_KINDS) - {NETWORK_FORBIDDEN}
    assert all(sample.made for sample in CORPUS) and len({sample.name for sample in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("name", ["seen", "unseen"])
def test_no_bug_is_excused(name: str) -> None:
    assert [(s.name, verdict(s)) for s in BUGS if s.set == name and verdict(s).external] == []


def test_what_could_be_ours_is_not_excused() -> None:
    assert [s.name for s in CORPUS if s.expect == "unclear" and verdict(s).external] == []


@pytest.mark.parametrize(("name", "least"), [("seen", 0.9), ("unseen", 0.9)])
def test_nearly_every_external_failure_is_recognised_and_named_right(name: str, least: float) -> None:
    of_set = [s for s in EXTERNALS if s.set == name]
    found = [s for s in of_set if verdict(s).external]
    right = [s for s in found if verdict(s).kind in s.kinds]
    assert len(found) >= least * len(of_set)  # the counts alone: the texts of the unseen are not to be read
    assert len(right) >= 0.97 * len(found)


@pytest.mark.parametrize("line", WAITS_FOR_US)
def test_what_waits_for_this_program_itself_is_ours(line: str) -> None:
    assert kind(line) is None
    assert kind(FRAME + line) is None


@pytest.mark.parametrize("line", OF_A_VALUE)
def test_what_refuses_a_value_is_ours_although_it_names_the_network(line: str) -> None:
    assert kind(line) is None


def test_a_file_of_ours_that_is_no_json_is_ours_whatever_the_script_calls_its_text() -> None:
    error = "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"
    assert kind(FRAME.replace("run()", "json.loads(body)") + error) is None


def test_a_text_that_node_cannot_read_is_the_providers_only_where_an_answer_is_on_the_stack() -> None:
    header = "SyntaxError: Unexpected token '<', \"<html>503\" is not valid JSON\n    at JSON.parse (<anonymous>)\n"
    ours, theirs = (
        "    at Object.<anonymous> (/desk/scan.js:1:14)\n",
        "    at IncomingMessage.<anonymous> (/desk/scan.js:4:20)\n",
    )
    assert kind(header + ours + "\nNode.js v20.20.2\n") is None
    assert kind(header + theirs + "\nNode.js v20.20.2\n") == "schema"


@pytest.mark.parametrize("line", BUG_LINES)
def test_a_bug_after_anything_is_a_bug(line: str) -> None:
    after = (FRAME + line + "\n").encode()
    assert [s.name for s in CORPUS if judge(s.output + after, 1, RULES).external] == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sample=st.sampled_from(EXTERNALS + BUGS), noise=st.lists(st.sampled_from(NOISE), max_size=6))
def test_noise_before_the_final_error_changes_nothing(sample: Sample, noise: list[bytes]) -> None:
    before = b"\n".join([*noise, b"go on", b""])
    assert judge(before + sample.output, sample.exit_code, RULES).external == verdict(sample).external


@settings(max_examples=100, deadline=None)
@given(output=st.binary(max_size=2000), code=st.integers(-64, 300))
def test_no_bytes_make_the_judge_fail(output: bytes, code: int) -> None:
    assert judge(output, code, RULES).kind in (None, *KINDS)


@pytest.mark.parametrize("code", [0, -9, 124, 126, 127, 129, 130, 137, 139, 141, 143, 200, 201])
def test_signals_time_limits_and_guards_are_never_external(code: int) -> None:
    assert kind("curl: (28) Operation timed out\n", 28) == "timeout"
    assert kind("curl: (28) Operation timed out\n", code) is None


def test_what_a_program_documents_for_its_exit_code_comes_before_its_words() -> None:
    assert kind("", 28, ("/usr/bin/curl", "-s", "https://api.example.org")) == "timeout"
    assert kind("503 Service Unavailable", 23, ("curl", "https://api.example.org")) is None
    assert kind("curl: (22) The requested URL returned error: 503", 22, ("curl", "-f", "x")) == "outage"
    assert kind("curl: (22) The requested URL returned error: 404", 22, ("curl", "-f", "x")) is None
    assert kind("", 4, ("wget", "-q", "https://api.example.org")) == "network"
    assert kind("Connection timed out", 3, ("wget", "https://api.example.org")) is None
    assert kind("", 7, ("curl", "http://localhost:6379")) is None


def test_gits_128_and_sshs_255_are_not_signals() -> None:
    git = "fatal: unable to access 'https://example.org/desk.git/': Could not resolve host: example.org\n"
    assert kind(git, 128) == "network"
    assert kind("ssh: connect to host nas.example port 22: No route to host\n", 255) == "network"


def test_a_gateway_on_this_machine_that_is_down_is_external_and_a_database_is_ours() -> None:
    refused = "curl: (7) Failed to connect to {} port {} after 0 ms: Couldn't connect to server\n"
    assert kind(refused.format("api.example.org", 443), 7) == "network"
    assert kind(refused.format("127.0.0.1", 4002), 7) == "network"
    assert kind(refused.format("localhost", 6379), 7) is None
    psql = 'psql: error: connection to server at "localhost" (::1), port 5432 failed: Connection refused\n'
    assert kind(psql, 2) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acme.errors.RateLimitError", "rate_limit"),
        ("acme.errors.APITimeoutError", "timeout"),
        ("acme.errors.ServiceUnavailableError", "outage"),
        ("acme.errors.APIConnectionError", "network"),
        ("acme.errors.ConnectionPoolTimeoutError", None),
    ],
)
def test_an_unknown_library_is_known_by_the_names_of_its_classes(name: str, expected: str | None) -> None:
    assert kind(f"{FRAME}{name}: sorry\n") == expected


def test_a_summary_hides_no_cause_and_names_none() -> None:
    said = "2026-11-20 02:10:11 ERROR AAPL: 503 Server Error: Service Unavailable for url: https://api.example.com/x\n"
    assert kind(said + "2026-11-20 02:10:11 ERROR 1 of 3 symbols failed\nFAILED: AAPL\n==========\n") == "outage"
    assert kind(said + "2026-11-20 02:10:11 INFO running 3 setups\n2026-11-20 02:10:12 ERROR backtest failed\n") is None
    assert kind(said + "2026-11-20 02:10:11 ERROR signals.csv: column missing\n") is None


def test_what_a_message_quotes_is_data() -> None:
    assert kind(FRAME + "ConfigError: on_rate_limit: 'too many requests' is not one of skip, fail") is None
    assert kind("ERROR: unknown policy '503 Service Unavailable'\n") is None
    assert kind("ERROR: https://api.example.com/x: 503 Service Unavailable\n") == "outage"


def test_a_time_limit_of_anyio_is_ours_unless_a_client_waits_in_it() -> None:
    site = '  File "/home/user/desk/.venv/lib/python3.11/site-packages/'
    limit = f'{site}anyio/_core/_tasks.py", line 118, in fail_after\n    raise TimeoutError\nTimeoutError\n'
    loop = f'{site}anyio/_core/_eventloop.py", line 74, in run\n{site}anyio/_backends/_asyncio.py", line 2325, in run\n'
    end = '  File "/usr/lib/python3.11/contextlib.py", line 158, in __exit__\n    self.gen.throw(value)\n'
    own = FRAME + loop + '  File "/home/user/desk/x.py", line 5, in main\n    with anyio.fail_after(3):\n' + end + limit
    assert kind(own) is None
    client = f'{site}httpcore/_backends/anyio.py", line 33, in read\n    with anyio.fail_after(timeout):\n'
    assert kind(FRAME + loop + client + end + limit) == "timeout"


def test_an_exception_group_is_ours() -> None:
    group = "  + Exception Group Traceback (most recent call last):\n  | ExceptionGroup: two (1 sub-exception)\n"
    assert kind(group + "  +-+---------------- 1 ----------------\n    | requests.exceptions.ReadTimeout\n") is None


def test_output_is_judged_by_its_last_64_kib() -> None:
    rows, cause = "SMP001: 429 rows\n" * 60_000, "curl: (6) Could not resolve host: api.example.org\n"
    assert kind(rows + cause, 6) == "network"
    assert kind(cause + rows, 6) is None


@pytest.mark.parametrize("piece", [b"a: ", b"error: ", b"A^.^", b"{", b"!*", b"pool "])
def test_one_endless_line_does_not_keep_the_judge_busy(piece: bytes) -> None:
    started = time.process_time()
    judge(piece * (65_536 // len(piece)), 1, RULES)
    assert time.process_time() - started < 2


def test_every_rule_has_a_source_and_most_are_used_by_a_sample() -> None:
    tables = tomllib.loads(RULES_PATH.read_text(encoding="utf-8"))
    classes = tomllib.loads(CLASSES_PATH.read_text(encoding="utf-8"))
    rules = [rule for name in ("ours", "words", "drift") for rule in tables[name]]
    assert all(
        len(table["source"]) > 10 for table in [*rules, *classes.values(), tables["exit_codes"], tables["waits"]]
    )
    text = "\n".join(sample.output.decode("utf-8", "replace") for sample in CORPUS) + "\n".join(WAITS_FOR_US)
    used = {verdict(sample).rule for sample in CORPUS}
    silent = [
        f"{name}[{number}]"
        for name in ("ours", "words", "drift")
        for number, rule in enumerate(tables[name])
        if f"{name}[{number}]" not in used and (name == "drift" or not re.search(rule["pattern"], text, re.MULTILINE))
    ]
    assert silent == []


def test_a_broken_rules_file_names_itself_and_the_entry(tmp_path: Path) -> None:
    broken = tmp_path / "rules.toml"
    broken.write_text(RULES_PATH.read_text(encoding="utf-8").replace('kind = "outage"', 'kind = "outrage"', 1))
    with pytest.raises(RulesError, match=r"rules\.toml: ValueError: unknown kind 'outrage'"):
        load_rules(broken)
    with pytest.raises(RulesError, match="absent"):
        load_rules(tmp_path / "absent.toml")
    broken.write_text('[requests]\nsource = "x"\ntimeout = "A"\noutrage = "B"\n[names]\n[stack]\n')
    with pytest.raises(RulesError, match=r"rules\.toml: ValueError: \[requests\]: unknown kind 'outrage'"):
        load_classes(broken)


def test_the_judge_needs_nothing_but_the_standard_library() -> None:
    program = (
        "import sys; sys.path[:0] = [sys.argv[1] + '/jobs', sys.argv[1]]\n"
        "from judge import judge, load_rules\n"
        "print(judge(sys.stdin.buffer.read(), 6, load_rules()).kind)\n"
    )
    command = [sys.executable, "-I", "-S", "-c", program, str(ROOT)]
    said = b"curl: (6) Could not resolve host: api.example.org\n"
    assert subprocess.run(command, input=said, capture_output=True, check=True).stdout == b"network\n"
