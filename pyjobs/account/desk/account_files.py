"""The files of an account: portfolio/<account>/ of a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from pyjobs.account.desk.backtest import AccountResult
from pyjobs.account.desk.positions import positions
from pyjobs.account.desk.result_rows import write_account_trades, write_curve
from pyjobs.account.figures.account_types import POSITION_COLUMNS
from pyjobs.market.bars import SeriesKey
from utils.files.text_files import write_csv, write_json


def write_account(folder: Path, result: AccountResult, closes: Mapping[SeriesKey, float]) -> None:
    """Write all files of one account into `folder`. `closes`: the last close by series."""
    for name, variant in result.variants.items():
        write_curve(folder / name / "equity_curve.csv", variant.curve)
        write_account_trades(folder / name / "trades.csv", variant.account_trades)
        write_json(folder / name / "metrics.json", variant.metrics)
    if result.benchmark:
        write_csv(folder / "benchmark.csv", ("session", "ts_ms", "close"), result.benchmark)
    limited = result.variants["constrained"]
    held = map(msgspec.structs.astuple, positions(limited.account_trades, limited.waiting, closes))
    write_csv(folder / "constrained" / "positions.csv", POSITION_COLUMNS, held)
