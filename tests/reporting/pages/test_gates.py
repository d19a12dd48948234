"""The go-live gates, each at its edge."""

from __future__ import annotations

from pyjobs.account.figures.account_types import Metrics
from pyjobs.account.figures.setup_stats import Row, Setups, Window
from pyjobs.reporting.pages.gates import all_gates, decision
from pyjobs.reporting.run_files.accounts import AccountFiles, Curve, Variant
from pyjobs.reporting.run_files.read_run import RunInputs
from pyjobs.scanning.scan_file import Scan, Scanned


def inputs(
    *,
    status: str = "ok",
    closed: int = 30,
    low: float | None = 0.001,
    trades: int = 30,
    gain: float | None = 0.1,
    drawdown: float | None = -0.25,
    verdict: str = "ok",
    independent: float | None = None,
) -> RunInputs:
    one = Scanned(symbol="AAA", exchange="X", timeframe="1d", status=status)
    row = Row(
        setup="s", n=99, n_closed=closed, verdict=verdict, n_effective=independent,
        expectancy=0.01, expectancy_low=low, expectancy_high=0.02,
    )  # fmt: skip
    metrics = Metrics(n_trades=trades, total_return=gain, max_drawdown=drawdown)
    variant = Variant(metrics=metrics, equity=Curve(sessions=[], values=[]))
    return RunInputs(
        data=None,
        scan=Scan(session="2026-11-20", instruments=[one], signals=[]),
        setups=Setups(windows=[Window(days=30, rows=[]), Window(days=180, rows=[row])]),
        steps=None,
        accounts=[AccountFiles(name="krw", variants={"constrained": variant}, benchmark=None)],
    )


def verdicts(given: RunInputs) -> list[str]:
    return [gate.verdict for gate in all_gates(given)]


def test_everything_exactly_at_its_edge_is_go() -> None:
    assert verdicts(inputs()) == ["GO"] * 6
    assert decision(all_gates(inputs())) == "GO"


def test_many_trades_of_the_same_days_are_few() -> None:
    given = inputs(closed=180, verdict="too few", independent=2.84)
    assert [(gate.found, gate.verdict) for gate in all_gates(given)][1] == ("180, worth 2.8", "TOO FEW")
    assert decision(all_gates(given)) == "NO-GO"


def test_each_gate_alone_stops_it() -> None:
    for given, expected in (
        (inputs(status="stale"), "NO-GO GO GO GO GO GO"),
        (inputs(closed=29), "GO TOO_FEW TOO_FEW GO GO GO"),
        (inputs(low=0.0), "GO GO NO-GO GO GO GO"),
        (inputs(low=None), "GO GO NO-GO GO GO GO"),
        (inputs(trades=29), "GO GO GO TOO_FEW GO GO"),
        (inputs(gain=0.0), "GO GO GO GO NO-GO GO"),
        (inputs(gain=None), "GO GO GO GO UNKNOWN GO"),
        (inputs(drawdown=-0.2501), "GO GO GO GO GO NO-GO"),
    ):
        assert [verdict.replace(" ", "_") for verdict in verdicts(given)] == expected.split()
        assert decision(all_gates(given)) == "NO-GO"


def test_nothing_known_is_never_go() -> None:
    nothing = RunInputs(data=None, scan=None, setups=None, steps=None, accounts=[])
    assert verdicts(nothing) == ["UNKNOWN"] * 3
    assert decision(all_gates(nothing)) == "NO-GO"
