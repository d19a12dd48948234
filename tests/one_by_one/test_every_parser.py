"""Whoever reads JSON that others may have put there knows that it may be nested without an end: that is no crash."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pyjobs.market.providers.wire.http_answer import Answer, json_of

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for folder in ("pyjobs", "utils", "jobs") for path in (ROOT / folder).rglob("*.py"))
PARSERS = {"json.loads", "json.load", "msgspec.json.decode"}
OWN = {  # what another process of ours has just said, or what is a file of the clone
    "pyjobs/market/providers/workers/client_calls.py _believe",
    "pyjobs/market/providers/workers/client_process.py answers",
    "pyjobs/market/providers/workers/worker.py main",
    "pyjobs/reporting/backtests/files.py write_all",
    "pyjobs/runs/alerts/child.py main",
    "pyjobs/strategy/battery.py cannot_be_resumed",
    "utils/native/__init__.py _linked",
}


def unguarded(path: Path) -> list[str]:
    """`file function` of each parser that is not in a `try` or `suppress` that knows RecursionError."""
    text = path.read_text(encoding="utf-8")
    if "json." not in text:
        return []
    found, waiting = [], [(ast.parse(text), "", False)]
    while waiting:
        node, name, safe = waiting.pop()
        if isinstance(node, ast.FunctionDef):
            name, safe = node.name, False
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PARSERS and not safe:
            found.append(f"{path.relative_to(ROOT).as_posix()} {name}")
        inside = safe
        if isinstance(node, ast.Try):
            inside = safe or any("RecursionError" in ast.unparse(each.type or node) for each in node.handlers)
        if isinstance(node, ast.With):
            inside = safe or any("RecursionError" in ast.unparse(each.context_expr) for each in node.items)
        body = getattr(node, "body", []) if isinstance(node, ast.Try | ast.With) else []
        waiting += [(each, name, inside if each in body else safe) for each in ast.iter_child_nodes(node)]
    return found


def test_every_parser_of_json_knows_that_it_may_be_nested_without_an_end() -> None:
    found = {each for path in FILES for each in unguarded(path)}
    assert sorted(found - OWN) == [], "catch RecursionError, or read it by os_files.read_json"
    assert sorted(OWN - found) == []


@pytest.mark.parametrize("text", ["[" * 100_000, '{"x": ' * 100_000, '{"x": ' + "[" * 100_000])
def test_so_does_whoever_reads_an_answer(text: str) -> None:
    content, fault = json_of(Answer(url="x", status=200, body=text.encode()))
    assert content is None and fault is not None and fault.kind in ("network", "schema")
