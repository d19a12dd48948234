"""The figures at the top of index.html."""

from __future__ import annotations

from pyjobs.reporting import numbers
from pyjobs.reporting.html import Card
from pyjobs.reporting.pages.gates import all_gates, decision
from pyjobs.reporting.run_files.accounts import VARIANTS
from pyjobs.reporting.run_files.read_run import RunInputs


def cards(inputs: RunInputs, *, session: str | None) -> list[Card]:
    """Session, how the night went so far, signals, the go-live verdict, and each account's constrained variant."""
    verdict = decision(all_gates(inputs))
    signals = str(len(inputs.scan.signals)) if inputs.scan else "no scan"
    shown = [
        Card(title="session", value=session or "unknown"),
        _night(inputs),
        Card(title="signals", value=signals, tone="plain" if inputs.scan else "bad"),
        Card(title="go-live", value=verdict, tone="good" if verdict == "GO" else "bad"),
    ]
    for account in inputs.accounts:
        variant = account.variants.get(VARIANTS[0])
        value = numbers.change(variant.metrics.total_return) if variant else "missing"
        shown.append(
            Card(title=f"{account.name} account, total return", value=value, tone="plain" if variant else "bad")
        )
    return shown


def _night(inputs: RunInputs) -> Card:
    steps = inputs.steps.steps if inputs.steps else []
    if not steps:
        return Card(title="steps", value="unknown", tone="bad")
    well = 1 + sum(step.outcome == "ok" for step in steps)  # this page is the last step, and here it is
    count = 1 + len(steps)
    return Card(title="steps that ended well", value=f"{well} of {count}", tone="plain" if well == count else "bad")
