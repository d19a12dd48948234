"""Every strategy by name: the files of `library/` and the user's own in `strategies/`, each with its `ENTRY`.

A strategy is added as one file in one of them; it is then configurable, swept, backtested and put through the battery.
A file that cannot be loaded hides no other. Two files of one name are refused.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.strategy import exits, library
from pyjobs.strategy.entry import Entry
from pyjobs.strategy.exits import FAILS, OWN, Exits, Guarded, OnVolume, Own, asked_again, in_time, place_of
from pyjobs.strategy.signals import Setup
from utils import paths
from utils.errors import ConfigError

Stamp = tuple[str, int, int]


class Registry(Mapping[str, Entry]):
    """Entries by name. A strategy's file is read when it is asked for, and one that cannot be loaded is left out.

    `names`: the library's. Files of the user's own are searched for at each call, and read again when they changed.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(names)
        self._broken: dict[tuple[str, Stamp | None], str] = {}

    def __getitem__(self, name: str) -> Entry:
        if (name not in self._names and not self.is_own(name)) or self.broken(name):
            raise KeyError(name)
        entry: Entry = _module(name, self._own(name)).ENTRY
        return entry

    def __iter__(self) -> Iterator[str]:
        return (name for name in sorted({*self._names, *own_names()}) if not self.broken(name))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def is_own(self, name: str) -> bool:
        """Whether the user has a file of that name."""
        return self._own(name) is not None

    def broken(self, name: str) -> str:
        """What is wrong with the file of that name; nothing where it is sound or there is none."""
        own = self._own(name)
        if own and name in self._names:
            return f"{OWN}/{name}.py has the name of one of the library's: rename it"
        if (own or name in self._names) and (name, own) not in self._broken:
            self._broken[name, own] = _fault(name, own)
        return self._broken.get((name, own), "")

    @staticmethod
    def _own(name: str) -> Stamp | None:
        """The user's file of that name, and which it is of those that it has been."""
        path = paths.root() / OWN / f"{name}.py"
        try:
            if not name.isidentifier() or not path.is_file():
                return None
            state = path.stat()
        except OSError:  # it cannot be looked at; the others can
            return None
        return str(path), state.st_mtime_ns, state.st_size


def own_names() -> list[str]:
    """The user's strategies, sound or not."""
    return [path.stem for path in sorted((paths.root() / OWN).glob("[A-Za-z]*.py")) if path.stem.isidentifier()]


def _module(name: str, own: Stamp | None) -> ModuleType:
    if own is None:
        return importlib.import_module(f"{library.__name__}.{name}")
    full = f"{OWN}.{name}"
    known = sys.modules.get(full)
    if known is not None and getattr(known, "STAMP", None) == own:
        return known
    spec = importlib.util.spec_from_file_location(full, own[0])
    assert spec is not None and spec.loader is not None, "it ends in .py"
    package = sys.modules.setdefault(OWN, ModuleType(OWN))
    package.__path__ = [own[0].removesuffix(f"{name}.py")]
    asked_again(name)
    module = sys.modules[full] = importlib.util.module_from_spec(spec)  # found there by what pickles its records
    try:
        source: str = spec.loader.get_source(full)  # type: ignore[attr-defined]  # as every loader of files
        exec(compile(source, own[0], "exec"), module.__dict__)  # not a kept .pyc: two saves may be of one second
    except BaseException:
        del sys.modules[full]
        raise
    module.STAMP = own  # type: ignore[attr-defined]
    module.NAMES_VOLUME = _names(source, "volume")  # type: ignore[attr-defined]
    return module


def _names(source: str, column: str) -> bool:
    """Whether the code, not a comment in it, has `column` as an attribute's name or as a text."""
    if column not in source:
        return False
    import ast  # of a strategy of one's own alone

    nodes = list(ast.walk(ast.parse(source)))
    texts = {getattr(node, "attr", None) for node in nodes}
    return column in texts | {node.value for node in nodes if isinstance(node, ast.Constant)}


def _fault(name: str, own: Stamp | None) -> str:
    try:
        with in_time():
            entry = getattr(_module(name, own), "ENTRY", None) if own else _module(name, own).ENTRY
    except FAILS as error:  # whatever is wrong with one file must not stop the others
        return place_of(error)
    if entry is None:
        return (
            f"{OWN}/{name}.py has no ENTRY; below a signals(df) write: ENTRY = frames.strategy(signals, lookback=200)"
        )
    return "" if isinstance(entry, Entry) else f"its ENTRY is of type {type(entry).__name__}, not an Entry"


REGISTRY = Registry(module.name for module in pkgutil.iter_modules(library.__path__))


def make_setup(name: str, params: Mapping[str, int | float | str], *, source: str, of_desk: bool = True) -> Setup:
    """The strategy `name` with `params` (those left out keep their defaults): a setup.

    `source` names the file or the flags, for messages; `of_desk`: it is a line below a desk's `setups:`.

    Beside its own, every setup takes `side` and the parameters of `exits.Exits`. Raises ConfigError for an unknown name
    or parameter, a value of the wrong kind or out of range, or windows that do not ascend; the message names what is
    known and allowed.
    """
    entry = entry_of(name, source=source, of_desk=of_desk)
    with in_time() if REGISTRY.is_own(name) else nullcontext():
        return setup_of(entry, params, where=f"{source}: setups.{name}" if of_desk else f"{source}: {name}")


def entry_of(name: str, *, source: str, of_desk: bool = True) -> Entry:
    """The ENTRY of the strategy `name`. Raises ConfigError, see `make_setup`."""
    place, kind = (f"{source}: setups", "setup") if of_desk else (source, "strategy")
    if what := REGISTRY.broken(name):
        raise ConfigError(f"{place}: '{name}' cannot be loaded: {what}")
    if name not in REGISTRY:
        raise ConfigError(f"{place}: unknown {kind} '{name}'; known: {', '.join(REGISTRY)}")
    return REGISTRY[name]


def setup_of(entry: Entry, params: Mapping[str, int | float | str], *, where: str) -> Setup:
    """`make_setup` for an entry that was looked up, as a sweep does once for all sets. `where`: for messages."""
    own: dict[str, Any] = {}
    ways_out: dict[str, Any] = {}
    for key, value in params.items():
        if key == "side":
            own[key] = _side(where, value, entry.sides)
        elif key in entry.names:
            own[key] = _name(where, key, value)
        elif key in entry.ranges:
            own[key] = _number(where, key, value, entry.ranges[key], whole=True)
        elif key in entry.floats:
            own[key] = float(_number(where, key, value, entry.floats[key], whole=False))
        elif key in exits.RANGES:
            ways_out[key] = _number(where, key, value, exits.RANGES[key], whole=key in exits.WHOLE)
        else:
            known = ", ".join([*entry.ranges, *entry.floats, *entry.names, "side", *exits.NAMES])
            raise ConfigError(f"{where}: unknown parameter '{key}'; known: {known}")
    try:
        setup = entry.make(**own)
    except TypeError as error:
        raise ConfigError(f"{where}: its ENTRY and its record do not fit each other: {error}") from error
    except FAILS as error:
        raise ConfigError(f"{where}: {place_of(error)}") from error
    if what := _faulty_lookback(setup):
        raise ConfigError(f"{where}: its lookback {what}")
    for smaller, larger in entry.ascending:
        small, large = getattr(setup, smaller), getattr(setup, larger)
        if small >= large:
            raise ConfigError(f"{where}: {smaller} {small} must be less than {larger} {large}")
    name = entry.make.__module__.rpartition(".")[2]
    if any(each.__module__.partition(".")[0] == OWN for each in (entry.make, type(setup))):
        setup = Own(setup=setup, name=name)
    if _reads_volume(entry):
        setup = OnVolume(setup=setup, name=name)
    wanted = Exits(**ways_out)
    return setup if wanted == Exits() else Guarded(setup=setup, exits=wanted)


def _reads_volume(entry: Entry) -> bool:
    """The strategy's own declaration, else whether a user's file mentions volume."""
    module = sys.modules.get(entry.make.__module__)
    return bool(getattr(module, "NAMES_VOLUME", False)) if entry.volume is None else entry.volume


def _faulty_lookback(setup: Setup) -> str:
    """What is wrong with how far it looks back; that is a number, or a function of the user's. Empty: nothing."""
    try:
        bars: object = setup.lookback
    except FAILS as error:  # whatever it raises: it is named before any bar is read
        return f"cannot be found out: {place_of(error)}"
    whole = isinstance(bars, int | np.integer) and not isinstance(bars, bool) and bars >= 1
    return "" if whole else f"is {bars!r}, not a whole number of bars"


def make_setups(configured: Mapping[str, Mapping[str, int | float | str]], *, source: str) -> dict[str, Setup]:
    """Every configured setup by name, in the order of the file. Raises ConfigError as `make_setup`."""
    return {name: make_setup(name, params, source=source) for name, params in configured.items()}


def needs(setup: Setup) -> str | None:
    """The index a strategy decides by in addition to the instrument, or None."""
    name: str | None = getattr(record_of(setup), "needs", None)
    return name


def record_of(setup: Setup) -> Any:
    """The strategy's own record of parameters, within what was put around it."""
    while isinstance(setup, Guarded | OnVolume | Own):
        setup = setup.setup
    return setup


def bound(setup: Setup, index: Bars) -> Setup:
    """`setup` with the bars of the index it needs."""
    if isinstance(setup, Guarded | OnVolume | Own):
        return replace(setup, setup=bound(setup.setup, index))
    inner: Any = setup
    result: Setup = inner.bind(index)
    return result


def decides_from_ms(setup: Setup) -> int | None:
    """The first close at which the index of a bound setup can decide; None: at none."""
    first: int | None = record_of(setup).decides_from_ms
    return first


def _name(where: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}.{key}: {value!r} is not a name")
    return value


def _side(where: str, value: object, sides: Sequence[str]) -> str:
    if value not in sides:
        lacks = "; it has no short side" if "both" not in sides else ""
        raise ConfigError(f"{where}.side: {value!r} is neither of {', '.join(sides)}{lacks}")
    return str(value)


def _number(where: str, key: str, value: object, allowed: tuple[float, float], *, whole: bool) -> float:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
    finite = number - number == 0
    if not finite or (whole and int(number) != number):
        raise ConfigError(f"{where}.{key}: {value!r} is not a {'whole ' if whole else ''}number")
    low, high = allowed
    if not low <= number <= high:
        raise ConfigError(f"{where}.{key}: {value} is outside {low}..{high}")
    return int(number) if whole else number
