"""Every loop over runs, logs, locks, records and what lies in a run, each with one bad thing among three."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyjobs.frames import of_runs
from pyjobs.machines import fetching
from pyjobs.reporting import command, html, machine, nights
from pyjobs.reporting.run_files import read_run
from pyjobs.runs import (
    forecast,
    manifest,
    pins,
    provenance,
    prune,
    retention,
    run_folder,
    sealed,
    witness,
)  # fmt: skip
from pyjobs.runs.backtests import backtest_folder, backtest_manifest, compare
from pyjobs.runs.verdict import machine as checked_machine
from pyjobs.runs.verdict import results
from tests.one_by_one.support.spoiled import Loop
from tests.runs.test_run_folder import NOW, make_run

IDS = ("20261118T131000Z-0001", "20261119T131000Z-0002", "20261120T131000Z-0003")
MIDDLE = IDS[1]
OTHERS = frozenset((IDS[0], IDS[2]))
BACKTESTS = tuple(f"2026112{day}T131000000Z_a" for day in (0, 1, 2))


def secrets(home: Path) -> Path:
    """That others may read."""
    (home / "secret").mkdir()
    (home / "secret").chmod(0o755)
    for each in "abc":
        (home / f"secret/{each}.yaml").touch()
        (home / f"secret/{each}.yaml").chmod(0o644)
    return home / "secret/b.yaml"


def runs(home: Path) -> Path:
    for each in IDS:
        make_run(home / "data/server_runs", each)
    return home / "data/server_runs"


def finished(home: Path) -> list[str]:
    return [path.name for path in run_folder.finished_runs(home / "data/server_runs")]


def a_manifest(home: Path) -> Path:
    return runs(home) / MIDDLE / "manifest.json"


def a_run(home: Path) -> Path:
    return runs(home) / MIDDLE


def a_pin(home: Path) -> Path:
    runs(home)
    for each in IDS:
        pins.put(home / "data/server_runs" / each, pins.Pin(f"why {each}"))
    return home / "data/server_runs" / MIDDLE / "PINNED"


def files(folder: str, *names: str, text: str = "x\n") -> Callable[[Path], Path]:
    """Three files of that text, `{0}` in it being the file's stem; the middle one is spoiled."""

    def make(home: Path) -> Path:
        for number, name in enumerate(names):
            path = home / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("{0}", path.name.split(".")[0]).replace("{1}", str(number + 1)))
        return home / folder / names[1]

    return make


def backtests(home: Path) -> Path:
    for name in BACKTESTS:
        folder = home / "backtests" / name
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text('{"desk": {"name": "d"}}')
        (folder / "report.txt").write_text("x\n")
        manifest.atomic.write_text(folder / "manifest.json", '{"files": {}, "kind": "backtest"}')
    return home / "backtests" / BACKTESTS[1]


def accounts(home: Path) -> Path:
    for name in ("a", "b", "c"):
        folder = home / "run/portfolio" / name / "constrained"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(f'{{"currency": "{name}"}}')
    return home / "run/portfolio/b/constrained/metrics.json"


def told(home: Path) -> list[str]:
    """The runs of a dry prune, and what it says of each."""
    entries = prune.look(home / "data/server_runs")
    found = retention.decide(entries, keep_days=1, keep_max_runs=2)
    return [f"{each.entry.name} {each.action}" for each in found if each.entry.status == "ok"]


def verified(home: Path) -> list[str]:
    """The files that `verify` calls changed: all three were, after the manifest was made."""
    return [line.split("'")[1] for line in sealed.verify(home / "v" / IDS[0])]


def a_file_of_a_run(home: Path) -> Path:
    run = make_run(home / "v", IDS[0], files=3)
    for number in range(3):
        (run / f"reports/{number}.md").write_text("another")
    return run / "reports/1.md"


def unfinished(home: Path) -> Path:
    for each in "abc":
        (home / "run/reports").mkdir(parents=True, exist_ok=True)
        (home / "run/reports" / f"{each}.md").write_text(each)
    return home / "run/reports/b.md"


def swept(home: Path) -> list[str]:
    run_folder.sweep_all(home / "run")
    return [f"gone {each}" for each in "ac" if not (home / f"run/reports/.{each}.md.tmp-1-00ff").exists()]


def arrived(home: Path) -> list[str]:
    class Gone:
        remote = "nobody"

    said: list[str] = []
    fetch = fetching.Fetch(Gone(), "/", home / "here", said.append, -1)  # type: ignore[arg-type]
    for name in IDS:
        fetching._arrived(fetch, name)
    return [path.name for path in run_folder.finished_runs(home / "here")]


def incoming(home: Path) -> Path:
    for each in IDS:
        make_run(home / "here/.incoming", each)
    return home / "here/.incoming" / MIDDLE / "reports/1.md"


def index(home: Path) -> str:
    newest = home / "data/server_runs" / IDS[2]
    return nights.write_index(home / "data/server_runs", home / "reports", newest, home / "reports/d").read_text()


RUNS_TABLE: dict[str, Loop] = {
    "runs/run_folder.py finished_runs, a manifest": Loop(
        make=a_manifest, read=finished, others=OTHERS
    ),
    "runs/run_folder.py finished_runs, a run": Loop(
        make=a_run, read=finished, others=OTHERS
    ),
    "runs/prune.py look, a manifest": Loop(
        make=a_manifest, read=told, others=frozenset((f"{IDS[0]} remove", f"{IDS[2]} keep"))
    ),
    "runs/prune.py look, a run": Loop(make=a_run, read=told, others=frozenset((f"{IDS[0]} remove", f"{IDS[2]} keep"))),
    "runs/prune.py look, a pin": Loop(
        make=a_pin,
        read=lambda h: [f"{e.name} {e.pin_reason}" for e in prune.look(h / "data/server_runs")],
        others=frozenset((f"{IDS[0]} why {IDS[0]}", f"{IDS[2]} why {IDS[2]}")),
    ),
    "runs/forecast.py of_runs": Loop(
        make=a_manifest,
        read=lambda h: [str(forecast.of_runs(h / "data/server_runs", free_bytes=1, environ={}).night_mb > 0)],
        others=frozenset(("True",)),
    ),
    "runs/verdict/results.py check_last_runs": Loop(
        make=lambda h: runs(h) / IDS[2] / "manifest.json",
        read=lambda h: [c.name for c in results.check_last_runs(h / "data/server_runs", NOW.timestamp() + 9, ["d"])],
        others=frozenset(("run d",)),
    ),
    "reporting/nights.py write_index": Loop(make=a_manifest, read=lambda h: index(h), others=OTHERS),
    "frames/of_runs.py runs, a night": Loop(make=a_manifest, read=lambda _: list(of_runs.runs()["run"]), others=OTHERS),
    "frames/of_runs.py runs, a backtest": Loop(
        make=backtests, read=lambda _: list(of_runs.runs()["run"]), others=frozenset((BACKTESTS[0], BACKTESTS[2]))
    ),
    "frames/of_runs.py runs, its figures": Loop(
        make=lambda h: backtests(h) / "metrics.json",
        read=lambda _: list(of_runs.runs()["run"]),
        others=frozenset((BACKTESTS[0], BACKTESTS[2])),
    ),
    "runs/backtests/backtest_folder.py runs_of": Loop(
        make=backtests,
        read=lambda h: [path.name for path in backtest_folder.runs_of(h / "backtests", "a")],
        others=frozenset((BACKTESTS[0], BACKTESTS[2])),
    ),
    "runs/backtests/compare.py _names": Loop(
        make=lambda h: backtests(h) / "report.txt",
        read=lambda h: " ".join(compare.compare(*(h / "backtests" / name for name in BACKTESTS[:2])).lines()),
        others=frozenset(("changed input: none",)),
    ),
    "runs/backtests/backtest_manifest.py described": Loop(
        make=lambda h: backtests(h) / "report.txt",
        read=lambda h: list(backtest_manifest.described(h / "backtests" / BACKTESTS[1], "a")["files"]),  # type: ignore[call-overload]
        others=frozenset(("metrics.json",)),
    ),
    "runs/sealed.py verify": Loop(
        make=a_file_of_a_run, read=verified, others=frozenset(("reports/0.md", "reports/2.md"))
    ),
    "runs/manifest.py build": Loop(
        make=unfinished,
        read=lambda h: list(manifest.build(h / "run", ABOUT)["files"]),  # type: ignore[call-overload]
        others=frozenset(("reports/a.md", "reports/c.md")),
    ),
    "runs/manifest.py portfolio_stats": Loop(
        make=accounts,
        read=lambda h: list(manifest.portfolio_stats(h / "run/portfolio")),
        others=frozenset(("a/constrained", "c/constrained")),
    ),
    "runs/run_folder.py sweep_all": Loop(
        make=files("run/reports", *(f".{each}.md.tmp-1-00ff" for each in "abc")),
        read=swept, changes=True,
        others=frozenset(("gone a", "gone c")),
    ),
    "reporting/run_files/read_run.py read_run": Loop(
        make=accounts,
        read=lambda h: [each.name for each in read_run.read_run(h / "run").accounts],
        others=frozenset(("a", "c")),
    ),
    "reporting/html.py files_in": Loop(
        make=unfinished, read=lambda h: html.files_in(h / "run"), others=frozenset(("reports/a.md", "reports/c.md"))
    ),
    "reporting/command.py pictures": Loop(
        make=files("run/reports", "a.png", "b.png", "c.png"),
        read=lambda h: command.pictures(h / "run"),
        others=frozenset(("a.png", "c.png")),
    ),
    "reporting/machine.py look_around": Loop(
        make=lambda h: runs(h) / MIDDLE / "reports/1.md",
        read=lambda h: [str(machine.look_around(h / "data/server_runs" / MIDDLE, h / "none").finished_runs)],
        others=frozenset(("3",)),
    ),
    "runs/verdict/machine.py check_secrets": Loop(
        make=secrets,
        read=lambda h: [each.detail.split("'")[1].rpartition("/")[2] for each in checked_machine.check_secrets(h)],
        others=frozenset(("a.yaml", "c.yaml")),
    ),
    "runs/witness.py read": Loop(
        make=files("run/logs", "a.json", "inputs.json", "c.json"),
        read=lambda h: [*witness.read(h / "run"), "went on"],
        others=frozenset(("went on",)),
    ),
    "runs/provenance.py _files, config": Loop(
        make=files("config", "a.yaml", "b.yaml", "c.yaml"),
        read=lambda h: list(provenance.config(h / "config/a.yaml", h / "config")),
        others=frozenset(("desk_file", "sha256")),
    ),
    "runs/provenance.py marks": Loop(
        make=files("config", "a.yaml", "b.yaml", "c.yaml"),
        read=lambda h: [*provenance.marks(h, h / "config/a.yaml", h / "config", (), None)],  # type: ignore[arg-type]
        others=frozenset(("code", "config")),
    ),
}  # fmt: skip
ABOUT = manifest.About(
    run_id=IDS[0], desk="d", session=None, status="ok", started=NOW, finished=NOW, steps=[], inputs={}
)
