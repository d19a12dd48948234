"""The desks and their names: a desk is named as its file, except the one without a name, config/desk.yaml.

jobs/desk.sh has these rules without Python.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from utils import paths, trading_day
from utils.errors import ConfigError
from utils.files import os_files
from utils.settings.config import load_yaml, nearest

NAMELESS = ("desk", "desk.sample")  # the stems of files whose desk is the house's own: it needs no name
SAMPLE = "desk.sample.yaml"


class DeskFile(NamedTuple):
    """A desk that jobs find by itself; `name` is empty for config/desk.yaml. `since_s`: its file's mtime, UTC."""

    name: str
    path: Path
    since_s: float


class _Market(msgspec.Struct, frozen=True):
    market: str


def desk_path(name: str | None, config_dir: Path) -> Path:
    """The desk file to use: a path unchanged; for a name config/desks/NAME.yaml; without either config/desk.yaml.

    The home's config/ is looked into first, then `config_dir`. With no desk of one's own at all it is the sample.
    Raises ConfigError for a name that there is not, and where there are named desks only and no name is given.
    """
    folders = _folders(config_dir)
    if name and ("/" in name or name.endswith((".yaml", ".yml")) or os_files.has_file(name)):
        return Path(name)
    wanted = f"desks/{name}.yaml" if name else "desk.yaml"
    for folder in folders:
        if os.path.lexists(folder / wanted):  # a link to nothing, too: it is no reason to take the sample
            return folder / wanted
    known = [each.name for each in named_desks(config_dir)]
    if name:
        there = ", ".join(known) or "none"
        raise ConfigError(
            f"no desk {name!r}: there is no {config_dir / wanted}; there are: {there}{nearest(name, known)}"
        )
    if known:
        raise ConfigError(f"which desk? There is no {config_dir / wanted}; give --desk and one of: {', '.join(known)}")
    return config_dir / SAMPLE


def called(path: Path) -> str:
    """The suffix of a desk's jobs and reports: `us`; empty for the desk without a name."""
    stem = path.stem if path.suffix in (".yaml", ".yml") else path.name
    return "" if stem in NAMELESS else re.sub(r"[^A-Za-z0-9._+-]", "_", stem)


def word_for(path: Path, config_dir: Path) -> str:
    """The value of --desk for the desk in that file; empty where jobs find it without."""
    at = os.path.realpath(path)  # where Path.resolve raises for a loop of links
    for folder in _folders(config_dir):
        if at == os.path.realpath(folder / "desk.yaml"):
            return ""
        if os.path.dirname(at) == os.path.realpath(folder / "desks") and path.suffix == ".yaml":  # noqa: PTH120
            return path.stem
    return str(path)


def flag_for(path: Path, config_dir: Path) -> str:
    """The flag that makes a command use the desk in that file: ` --desk us`, or nothing."""
    word = word_for(path, config_dir)
    return f" --desk {shlex.quote(word)}" if word else ""


def reports_of(path: Path) -> Path:
    """Where the reports of jobs on that desk go: reports/, of one with a name reports/<name>/."""
    return paths.reports_dir() / called(path)


def named_desks(config_dir: Path) -> list[DeskFile]:
    """The desks in config/desks/, by name; of two of one name the home's counts."""
    found: dict[str, DeskFile] = {}
    for folder in _folders(config_dir):
        for path in os_files.matching(folder / "desks", "*.yaml"):
            found.setdefault(path.stem, DeskFile(path.stem, path, _since(path)))
    return [found[name] for name in sorted(found)]


def own_desks(config_dir: Path) -> list[DeskFile]:
    """Every desk of the user's own: config/desk.yaml first, then the named ones. Empty: there is only the sample."""
    own = next((each for folder in _folders(config_dir) if os.path.lexists(each := folder / "desk.yaml")), None)
    return [*([DeskFile("", own, _since(own))] if own else []), *named_desks(config_dir)]


def market_of(desk: DeskFile) -> str:
    """The desk's market, read without the rest of its file; the default one where the file cannot be read."""
    try:
        market = load_yaml(desk.path, _Market).market
    except ConfigError:
        return trading_day.DEFAULT_MARKET
    return market if market in trading_day.known_markets() else trading_day.DEFAULT_MARKET


def name_problems(path: Path, name: str, config_dir: Path) -> Iterator[str]:
    """What is wrong with the `name` that the desk at `path` gives itself: its queue and its nights are kept by it."""
    here = path.absolute()
    if here.parent.name == "desks" and here.parent.parent in _folders(config_dir):
        if called(path) != path.stem:
            yield f"no desk in config/desks/ can have the file name {path.name!r}: letters, digits and ._+- only"
        if name != path.stem:
            yield f"a desk in config/desks/ is called as its file, {path.stem!r}; is {name!r}"
    nameless = here.name == "desk.yaml" and here.parent in _folders(config_dir)
    if nameless and name in [each.name for each in named_desks(config_dir)]:
        yield f"there is a desk {name!r} in config/desks/: each needs a name of its own"


def _since(path: Path) -> float:
    """When the file was written; 0 where the disk does not report it now."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _folders(config_dir: Path) -> list[Path]:
    return list(dict.fromkeys((paths.root() / "config", config_dir)))
