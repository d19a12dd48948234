"""What the chain costs: each way of running a job in turn, many times, and the job alone in the same run."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.shell.conftest import House

ROUNDS = 60
SATURDAY_NOON_IN_SEOUL = "1795230000"


def ways(house: House, scratch: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """The command line and extra environment of each way to run a job that does nothing."""
    job = "/bin/true"
    (scratch / "pyjobs").mkdir()
    found: dict[str, tuple[list[str], dict[str, str]]] = {
        "the job alone": ([job], {}),
        "bash -c true": (["bash", "-c", job], {}),
        "nightdesk, lock + runner": (house.chain(job, name="a", guarded=False), {}),
        "nightdesk, whole chain, own job": (house.chain(job, "-m pyjobs.nothing", name="b"), {}),
        "nightdesk, whole chain, foreign job": (house.chain(job, name="c"), {}),
        "nightdesk, not a trading day": (
            [str(house.clone / "batch/run_scanner.sh")],
            {"NIGHTDESK_NOW": SATURDAY_NOON_IN_SEOUL},
        ),
    }
    peers = {
        "flock": ["flock", "-n", str(scratch / "lock"), job],
        "chronic": ["chronic", job],
        "cronic": ["cronic", job],
    }
    for name, argv in peers.items():
        if shutil.which(argv[0]):
            found[name] = (argv, {})
    return found


def milliseconds(house: House, argv: list[str], env: dict[str, str]) -> float:
    begun = time.perf_counter()
    ended = subprocess.run(
        argv,
        env=house.env(**env),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert ended.returncode == 0, argv
    return (time.perf_counter() - begun) * 1000


def throughput(house: House, size_mb: int) -> float:
    """Megabytes a second of 80-byte lines through the stamped log."""
    job = f"import sys\nfor _ in range({size_mb} * 128): sys.stdout.buffer.write((b'x' * 79 + b'\\n') * 102)"
    begun = time.perf_counter()
    assert house.run(house.chain(sys.executable, "-I", "-S", "-c", job, name="flood", guarded=False)).returncode == 0
    return size_mb / (time.perf_counter() - begun)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = House(home=Path(folder))
        table = ways(house, Path(folder))
        times: dict[str, list[float]] = {name: [] for name in table}
        for _ in range(ROUNDS):
            for name, (argv, env) in table.items():
                times[name].append(milliseconds(house, argv, env))
        alone = statistics.median(times["the job alone"])
        print(f"{'way':38} {'median ms':>10} {'over the job':>13} {'fastest':>9}")
        for name, taken in times.items():
            median = statistics.median(taken)
            print(f"{name:38} {median:10.1f} {median - alone:13.1f} {min(taken):9.1f}")
        print(f"{'stamped log, 80-byte lines':38} {throughput(house, 200):10.0f} MB/s")


if __name__ == "__main__":
    main()
