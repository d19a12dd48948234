"""Every loop of ours whose body may meet the outside: it opens, lists, looks at or starts something, itself or through
what it calls. Read from the source, so that a loop that is written tomorrow is found as well.

A call is followed where its name leads: through imports, to functions of the module, to every method of that name. So
more is found than there is, never less, but for names that every list and array has (`GENERIC`).
"""

from __future__ import annotations

import ast
import collections
import io
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


def words_of(text: str) -> frozenset[str]:
    """The words of a text, as they stand."""
    return frozenset(text.split())


FOLDERS = ("pyjobs", "utils", "jobs")
OF_OS = words_of("""
    open stat lstat listdir scandir walk rename replace unlink remove read write mkdir makedirs rmdir link symlink
    readlink chmod utime truncate kill waitpid access statvfs execv execvpe pipe2 fsync path.exists path.isfile
    path.isdir path.getsize path.getmtime path.realpath path.samefile path.islink path.lexists
""")
METHODS = words_of("""
    read_text read_bytes open stat lstat iterdir glob rglob exists is_file is_dir is_symlink resolve unlink mkdir
    rmdir touch chmod samefile readlink write_text write_bytes symlink_to hardlink_to rename is_mount read readline
    readlines
""")
MODULES = words_of("""
    shutil subprocess socket sqlite3 zipfile gzip tarfile mmap fcntl tempfile urllib requests psycopg glob importlib
    select
""")
KINDS = ([], {}, set(), "", b"", collections.deque(), np.zeros(1), re.compile(""), subprocess.Popen, io.TextIOWrapper)
GENERIC = frozenset(name for kind in KINDS for name in dir(kind)) - METHODS
ONE_FOR_ALL = {  # what they open is one thing of the house for all items, and refused by name when it is bad
    "utils/trading_day.py load",
    "utils/native/__init__.py _alone",
    "utils/settings/config.py _read",  # the line of an error
    "pyjobs/market/providers/__init__.py provider",
}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MAPS = {"map", "filter", "starmap", "imap", "imap_unordered"}
TAKES = {"pop", "popleft", "get_nowait", "readline", "next"}  # a `while` with one of these goes through many


@dataclass
class Module:
    """A file: what its names mean, and its functions by qualified name."""

    name: str
    imports: dict[str, str] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)


class Code:
    """All files, and which functions reach the outside."""

    def __init__(self, root: Path) -> None:
        paths = [path for each in FOLDERS for path in sorted((root / each).rglob("*.py"))]
        self.modules = {path.relative_to(root).as_posix(): _module(path, root) for path in paths}
        self.files = {module.name: file for file, module in self.modules.items()}
        self.methods = collections.defaultdict[str, set[str]](set)
        for file, module in self.modules.items():
            for name in module.functions:
                self.methods[name.rpartition(".")[2]] |= {f"{file} {name}"} if "." in name else set()
        self.reaching = self._reaching()

    def functions(self) -> Iterator[tuple[str, str, ast.FunctionDef]]:
        """(file, qualified name, function)."""
        for file, module in self.modules.items():
            for name, function in module.functions.items():
                yield file, name, function

    def _reaching(self) -> set[str]:
        """The functions that reach the outside."""
        callers = collections.defaultdict[str, set[str]](set)
        found = []
        for file, name, function in self.functions():
            own = f"{file} {name}"
            if own in ONE_FOR_ALL:
                continue
            outside, called = self.met(file, name, function.body)
            found += [own] if outside else []
            for each in called:
                callers[each].add(own)
        reached = set(found)
        while found:
            new = callers[found.pop()] - reached
            reached |= new
            found += new
        return reached

    def met(self, file: str, name: str, nodes: list[ast.AST] | list[ast.stmt]) -> tuple[bool, set[str]]:
        """Whether one of these calls the outside by itself, and which functions of ours they call."""
        found: set[str] = set()
        for node in (each for start in nodes if not isinstance(start, FUNCTIONS) for each in within(start)):
            if isinstance(node, ast.Call):
                meant = self.meant(self.modules[file], file, name, node.func)
                if meant is None:
                    return True, found
                found |= meant
        return False, found

    def meant(self, module: Module, file: str, name: str, called: ast.expr) -> set[str] | None:
        """The functions of ours that a call may mean; None for the outside."""
        if isinstance(called, ast.Name):
            if called.id == "open":
                return None
            if called.id in module.imports:
                return self.named(module.imports[called.id])
            parts = name.split(".")
            inner = (".".join((*parts[:depth], called.id)) for depth in range(len(parts), -1, -1))
            return {f"{file} {each}" for each in inner if each in module.functions} or self._made(file, called.id)
        if not isinstance(called, ast.Attribute):
            return set()
        words, value = [called.attr], called.value
        while isinstance(value, ast.Attribute):
            words, value = [value.attr, *words], value.value
        if isinstance(value, ast.Name) and value.id in module.imports:
            meant = self.named(".".join((module.imports[value.id], *words)))
            if meant is None or meant or module.imports[value.id].partition(".")[0] not in FOLDERS:
                return meant
        if called.attr in METHODS:
            return None
        return set() if called.attr in GENERIC else self.methods[called.attr]

    def named(self, name: str) -> set[str] | None:
        """As `meant`, of a full name such as `utils.history.read`."""
        top, _, rest = name.partition(".")
        if top in MODULES or (top == "os" and rest in OF_OS):
            return None
        parts = name.split(".")
        for length in range(len(parts) - 1, 0, -1):
            file = self.files.get(".".join(parts[:length]))
            if file is not None:
                module, wanted = self.modules[file], ".".join(parts[length:])
                if wanted in module.functions:
                    return {f"{file} {wanted}"}
                again = ".".join((module.imports.get(parts[length], ""), *parts[length + 1 :]))
                return self._made(file, wanted) or (self.named(again) if again.strip(".") not in ("", name) else set())
        return set()

    def _made(self, file: str, kind: str) -> set[str]:
        functions = self.modules[file].functions
        return {f"{file} {kind}.{each}" for each in ("__init__", "__post_init__") if f"{kind}.{each}" in functions}


def _module(path: Path, root: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    module = Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    waiting: list[tuple[ast.AST, str]] = [(ast.parse(path.read_text(encoding="utf-8")), "")]
    while waiting:
        node, under = waiting.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                module.imports[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else (
                    alias.name.partition(".")[0]
                )  # fmt: skip
        elif isinstance(node, ast.ImportFrom) and node.module:
            module.imports |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            under = f"{under}.{node.name}" if under else node.name
            if isinstance(node, ast.FunctionDef):
                module.functions[under] = node
        waiting += [
            (each, under) for each in ast.iter_child_nodes(node) if isinstance(each, (ast.stmt, ast.excepthandler))
        ]
    return module


def within(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it, but for functions and classes of their own."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [each for each in ast.iter_child_nodes(node) if not isinstance(each, (*FUNCTIONS, ast.ClassDef))]


def few(many: ast.expr) -> bool:
    """Whether what a loop goes through is written down in the source: a tuple, a constant, a range."""
    if isinstance(many, ast.Tuple | ast.List | ast.Set):
        return not any(isinstance(each, ast.Starred) for each in many.elts)
    if isinstance(many, ast.Name):
        return many.id.isupper()
    if isinstance(many, ast.Attribute):
        return many.attr.isupper()
    if isinstance(many, ast.Call):
        if isinstance(many.func, ast.Attribute):
            return many.func.attr in ("items", "values", "keys") and few(many.func.value)
        named = many.func.id if isinstance(many.func, ast.Name) else ""
        return named == "range" or (named in ("zip", "enumerate", "sorted", "reversed") and all(map(few, many.args)))
    return isinstance(many, ast.Constant)


def body_of(node: ast.AST) -> list[ast.AST]:
    """What is done with each of many; empty for what is no such loop."""
    if isinstance(node, ast.For | ast.AsyncFor):
        return [] if few(node.iter) else list(node.body)
    if isinstance(node, ast.While):
        calls = (each.func for start in node.body for each in within(start) if isinstance(each, ast.Call))
        names = {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in calls}
        return list(node.body) if names & TAKES else []
    if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in MAPS and node.args:
        each = node.args[0]
        return [each.body] if isinstance(each, ast.Lambda) else [ast.Call(func=each, args=[], keywords=[])]
    if not isinstance(node, COMPREHENSIONS) or all(few(each.iter) for each in node.generators):
        return []
    told = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    return [*told, *(each for one in node.generators for each in one.ifs)]


def caught(body: list[ast.AST]) -> bool:
    """Whether all of it stands in one `try` that catches what a disk or a bad file raises, and goes on."""
    (only,) = body if len(body) == 1 else (None,)
    if isinstance(only, ast.With):
        named = {ast.unparse(each.context_expr) for each in only.items}
        return any(name.startswith(("suppress(", "contextlib.suppress(")) and "OSError" in name for name in named)
    if not isinstance(only, ast.Try):
        return False
    told = {
        name.id
        for each in only.handlers
        for name in ast.walk(each.type or ast.Name("Exception"))
        if isinstance(name, ast.Name)
    }
    ends = [each for each in only.handlers if isinstance(each.body[-1], ast.Raise | ast.Break)]
    return bool(told & {"OSError", "Exception", "NightdeskError"}) and not ends


def loops(root: Path) -> dict[str, list[int]]:
    """`file function`, and the lines of its loops that may meet the outside."""
    code = Code(root)
    found: dict[str, list[int]] = {}
    for file, name, function in code.functions():
        for node in (each for start in function.body if not isinstance(start, FUNCTIONS) for each in within(start)):
            body = body_of(node)
            if body and not caught(body):
                outside, called = code.met(file, name, body)
                if outside or called & code.reaching:
                    found.setdefault(f"{file} {name}", []).append(node.lineno)  # type: ignore[attr-defined]
    return found
