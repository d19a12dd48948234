"""What the results of a job come from, for their manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyjobs.account.desk.strategy_job import Job
from pyjobs.market.benchmarks.closes import Benchmark
from pyjobs.market.store.open_store import open_store
from pyjobs.runs.backtests.backtest_manifest import Inputs
from utils import paths


def inputs_of(job: Job) -> Inputs:
    """The clone, its configuration, the desk's series and its corporate actions, as they are now."""
    used = [job.index_from] if job.index_from else []
    return Inputs(
        clone=paths.ROOT,
        config_dir=paths.config_dir(),
        desk_file=job.desk_file,
        store=open_store(),
        series=[each.key for each in job.snapshot.desk.instruments],
        benchmarks={each.name: each.closes.sha256() for each in used},
        files=[*job.actions_files, *job.snapshot.desk.lists],
    ).begin()


def with_benchmarks(inputs: Inputs, found: Sequence[Benchmark]) -> Inputs:
    """`inputs`, and the closes that were used of each benchmark."""
    return replace(inputs, benchmarks={**inputs.benchmarks, **{each.name: each.closes.sha256() for each in found}})
