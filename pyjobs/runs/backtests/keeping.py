"""Keeping a result as a run: built under a name that is no run's, its manifest last, then one rename."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pyjobs.runs import manifest
from pyjobs.runs.backtests import backtest_folder, backtest_manifest
from pyjobs.runs.backtests.backtest_manifest import Inputs
from pyjobs.runs.run_folder import publish
from utils import clock


def keep(
    folder: Path,
    name: str,
    *,
    started: datetime,
    request: Mapping[str, object],
    inputs: Inputs,
    write: Callable[[Path], None],
) -> Path:
    """Let `write` fill a new run folder <timestamp>_<name>, add the manifest, publish it; its final path.

    Whatever goes wrong, the half-built folder is removed and the error goes on.
    """
    building = backtest_folder.begin(folder, name, started)
    try:
        write(building.path)
        content = backtest_manifest.build(
            building.path,
            name=building.run_id,
            request=request,
            inputs=inputs.as_manifest(),
            started=started,
            finished=datetime.fromtimestamp(clock.now_s(), UTC),
        )
        manifest.write(building.path, content)
        return publish(building)
    except BaseException:
        backtest_folder.discard(building)
        raise
