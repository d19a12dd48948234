"""Finished runs as frames: nights (data/server_runs) and backtests (backtests). Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyjobs.account.desk.result_rows import CURVE_COLUMNS, TRADE_COLUMNS
from pyjobs.frames.columns import typed
from pyjobs.runs import run_folder
from pyjobs.runs.backtests import backtest_folder
from utils import paths
from utils.errors import BadDataError, MissingInputError, UsageError
from utils.files import os_files
from utils.files.os_files import has_file, read_json
from utils.files.text_files import opened_csv

if TYPE_CHECKING:
    import pandas as pd

RunPath = str | Path | None
TEXT = ("symbol", "side", "setup", "reason", "exchange", "timeframe", "currency", "status", "why")
KINDS = {
    **dict.fromkeys(TEXT, "str"),
    **dict.fromkeys(("signal_ts_ms", "entry_ts_ms", "exit_ts_ms", "ts_ms"), "utc"),
    "session": "date",
    "n_positions": "Int64",
    "hold_bars": "Int64",
}
SIGNALS = ("session", "exchange", "symbol", "timeframe", "setup", "side", "ts_ms", "close", "stop", "why", "status")


def runs() -> pd.DataFrame:
    """Every finished run, oldest first; columns run, kind (night, backtest, sweep, walk), desk, strategy, started,
    path.

    All are str but `started` (UTC). `run` is what the other functions take. A run with an unreadable manifest has no
    desk and no strategy.
    """
    rows = []
    for path in run_folder.finished_runs(paths.data_dir() / "server_runs"):
        found = _manifest(path)
        rows.append(_row(path, "night", found.get("desk"), None, _stamp_ms(path.name)))
    folder = backtest_folder.backtests_dir()
    os_files.must_answer(folder)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        parts = backtest_folder.parts_of(path.name)
        if parts and has_file(path / run_folder.MANIFEST):
            desk = _figures(path).get("desk")
            kind, dash, strategy = parts[1].partition("-")
            known = dash and kind in ("sweep", "walk")
            name = (kind, strategy) if known else ("backtest", parts[1])
            rows.append(_row(path, name[0], desk, name[1], _stamp_ms(path.name)))
    rows.sort(key=lambda row: (row["started"] or 0, row["run"]))
    names = dict.fromkeys(("run", "kind", "desk", "strategy"), "str")
    return typed(rows, {**names, "started": "utc", "path": "str"})


def decisions(run: RunPath = None) -> pd.DataFrame:
    """What a night's scan decided, by default the newest's: a row for each signal, in the order of the queue.

    Columns session (its date), exchange, symbol, timeframe, setup, side, time (UTC close that decided), close, stop
    (NaN: none), why, status (new, or the state in the queue). A backtest decides by its trades: `trades` has each with
    its signal's time. Raises MissingInputError without such a run.
    """
    folder = _folder(run, kind="night")
    table = _table(folder / "queue" / "signals.csv", SIGNALS)
    return table.rename(columns={"ts_ms": "time"})


def trades(run: RunPath = None, *, account: str | None = None, constrained: bool = True) -> pd.DataFrame:
    """The trades of an account of a run (default: the newest backtest, its first account), by the order they ended in.

    Columns as trades.csv, times in UTC without the `_ts_ms` in their names: signal, entry, exit. Prices in the
    instrument's currency, `fees` and `pnl` in the account's, `return` a fraction of the entry's notional, after costs;
    `reason` is open where it was still held. `constrained=False`: a night's account without its limits.
    """
    table = _table(_account(run, account, constrained=constrained) / "trades.csv", TRADE_COLUMNS)
    return table.rename(columns={f"{name}_ts_ms": name for name in ("signal", "entry", "exit")})


def equity(run: RunPath = None, *, account: str | None = None, constrained: bool = True) -> pd.DataFrame:
    """An account at each session's close: index `time` (UTC), columns session (its date), equity, cash, exposure
    (a fraction of equity), n_positions, return (of the session; NaN at the first). Money in the account's currency."""
    table = _table(_account(run, account, constrained=constrained) / "equity_curve.csv", CURVE_COLUMNS)
    table["return"] = table["equity"].pct_change(fill_method=None)
    return table.rename(columns={"ts_ms": "time"}).set_index("time")


def metrics(run: RunPath = None, *, constrained: bool = True) -> pd.DataFrame:
    """The figures of a run: a row for each account, float64 columns as metrics.json has them; fractions, no percent.

    Texts (start, end, currency) are str. Lists and tables in it (terms, benchmarks) are left to metrics.json itself.
    The row of an account with an unreadable file is empty.
    """
    import pandas as pd

    rows = {}
    for name, folder in _accounts(_folder(run), constrained=constrained).items():
        try:
            record = _json(folder / "metrics.json")
        except BadDataError:  # its row is empty, and hides no other
            record = {}
        rows[name] = {key: value for key, value in record.items() if not isinstance(value, list | dict)}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("account")
    for name in table.columns:
        numeric = all(value is None or isinstance(value, int | float) for value in table[name])
        table[name] = table[name].astype("float64" if numeric else "str")
    return table


def _folder(run: RunPath, *, kind: str | None = None) -> Path:
    """The folder of a run by its name, its path, or the newest of its kind (default: backtest)."""
    if isinstance(run, Path) or (isinstance(run, str) and "/" in run):
        folder = Path(run)
        if not folder.is_dir():
            raise MissingInputError(f"{folder}: no such run folder")
        return folder
    places = {"night": paths.data_dir() / "server_runs", "backtest": backtest_folder.backtests_dir()}
    if run is not None:
        for place in places.values():
            if (place / run / run_folder.MANIFEST).is_file():
                return place / run
        raise MissingInputError(f"no run {run!r} in {' or '.join(map(str, places.values()))}; frames.runs() lists them")
    wanted = kind or "backtest"
    known = runs()
    found = known[known["kind"] == wanted]
    if found.empty:
        raise MissingInputError(f"no {wanted} in {places[wanted]} yet")
    return Path(str(found["path"].iloc[-1]))


def _accounts(folder: Path, *, constrained: bool) -> dict[str, Path]:
    """The folders of a run's accounts by name, the first account first."""
    os_files.must_answer(folder)
    if (folder / "portfolio").is_dir():
        kind = "constrained" if constrained else "unconstrained"
        return {path.name: path / kind for path in sorted((folder / "portfolio").iterdir()) if (path / kind).is_dir()}
    if not constrained:
        raise UsageError(f"{folder}: a backtest has its figures without limits in metrics.json, and no trades of them")
    first = _json(folder / "metrics.json").get("account", "")
    others = sorted((folder / "accounts").iterdir()) if (folder / "accounts").is_dir() else []
    return {str(first): folder, **{path.name: path for path in others if path.is_dir()}}


def _account(run: RunPath, account: str | None, *, constrained: bool) -> Path:
    folder = _folder(run)
    known = _accounts(folder, constrained=constrained)
    if not known:
        raise MissingInputError(f"{folder}: holds no account")
    if account is not None and account not in known:
        raise UsageError(f"account {account!r}: {folder.name} has {', '.join(known)}")
    return known[account] if account is not None else next(iter(known.values()))


def _table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A CSV of ours with exactly these columns of it. Raises MissingInputError, and BadDataError for another file."""
    import csv

    if not has_file(path):
        raise MissingInputError(f"{path}: no such file; was it a run of that kind?")
    with opened_csv(path) as handle:
        reader = csv.DictReader(handle)
        if lacking := set(columns) - set(reader.fieldnames or ()):
            raise BadDataError(f"{path}: no column {', '.join(sorted(lacking))}")
        return typed(reader, {name: KINDS.get(name, "float64") for name in columns})


def _manifest(path: Path) -> Mapping[str, Any]:
    try:
        return _json(path / run_folder.MANIFEST)
    except BadDataError:
        return {}


def _figures(path: Path) -> Mapping[str, Any]:
    try:
        return _json(path / "metrics.json")
    except BadDataError:  # the run is listed all the same
        return {}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (OSError, ValueError) as error:
        raise BadDataError(f"{path}: cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise BadDataError(f"{path}: is no table of figures")
    return found


def _row(path: Path, kind: str, desk: object, strategy: str | None, started: int | None) -> dict[str, Any]:
    desk = desk.get("name") if isinstance(desk, dict) else desk
    return {
        "run": path.name, "kind": kind, "desk": desk, "strategy": strategy, "started": started, "path": str(path)
    }  # fmt: skip


def _stamp_ms(name: str) -> int | None:
    """When a run of that name began, UTC milliseconds; None where its name has no time."""
    return next(_stamps(name), None)


def _stamps(name: str) -> Iterator[int]:
    import datetime as dt

    digits = "".join(char for char in name.partition("_")[0].partition("-")[0] if char.isdigit())
    for size, form in ((17, "%Y%m%d%H%M%S%f"), (14, "%Y%m%d%H%M%S")):
        if len(digits) == size:
            at = dt.datetime.strptime(digits, form).replace(tzinfo=dt.UTC)
            yield round(at.timestamp() * 1000)
