"""Ingest from fakemarket, whole processes: a minute of 100 symbols and its floor, and a backfill's time and memory.

The floor is a process that imports what is needed, asks for the same candles over one kept connection, and does nothing
with them. fakemarket is a process of its own; its share of an exchange is in both.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.core import as_cron
from tests.fakemarket.universe import INSTRUMENTS

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = [one.id for one in INSTRUMENTS if one.bitfinex.startswith("tX") and one.id.startswith("X")][:100]
NOON_S = 1_795_176_000  # 2026-11-20T12:00Z: half a day is in the newest file
ROUNDS = 8
ASKED_S = {"a minute of 100 symbols": 1.0, "a year of one symbol": 5.0}
FLOOR = """
import sys
import filelock, msgspec, numpy, pyarrow.parquet, requests, yaml
now_ms, symbols, session = int(sys.argv[1]), sys.argv[2].split(","), requests.Session()
for symbol in symbols:
    url = f"https://api-pub.bitfinex.com/v2/candles/trade:1m:t{symbol}/hist"
    asked = {"start": now_ms - 480_000, "end": now_ms - 60_000, "sort": 1, "limit": 10_000}
    assert session.get(url, params=asked).json()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """One process: wall and processor seconds, and the most memory it ever had."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(kw_only=True)
class Rehearsal:
    """A running fakemarket, and jobs that see it and a home of their own by their environment."""

    home: Path
    env: dict[str, str]
    port: int
    now_s: int = NOON_S

    def at(self, now_s: int) -> None:
        """It is now `now_s`, here and there."""
        self.now_s = now_s
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", "/__control/clock", body=json.dumps({"now_ms": now_s * 1000}))
        assert connection.getresponse().status == 200
        connection.close()

    def run(self, *argv: str) -> Took:
        """One process to its end, which must be a good one."""
        env = {
            **self.env,
            "PYTHONBIN": sys.executable,
            "NIGHTDESK_NOW": str(self.now_s),
            "NIGHTDESK_HOME": str(self.home),
        }
        begun = time.perf_counter()
        process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        took_s = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, argv
        return Took(wall_s=took_s, cpu_s=used.ru_utime + used.ru_stime, peak_mb=used.ru_maxrss / 1024)

    def ingest(self, *argv: str) -> Took:
        return self.run(sys.executable, "-m", "pyjobs.ingest", *argv)

    def floor(self) -> Took:
        return self.run(sys.executable, "-c", FLOOR, str(self.now_s * 1000), ",".join(SYMBOLS))

    def backfill(self, symbol: str, start: str) -> Took:
        return self.ingest("--symbol", symbol, "--timeframe", "1m", "--start", start, "--end", "2026-11-01")


@contextmanager
def rehearsal() -> Iterator[Rehearsal]:
    """fakemarket in a process of its own, with instances for every symbol."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.fakemarket"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        lines = [server.stdout.readline()]
        while lines[-1].startswith("export "):
            lines.append(server.stdout.readline())
        told = dict(shlex.split(line)[1].split("=", 1) for line in lines[:-1])
        with tempfile.TemporaryDirectory() as folder:
            instances = Path(folder, "config/instances")
            instances.mkdir(parents=True)
            for symbol in SYMBOLS:
                (instances / f"{symbol}-1m.env").write_text("CT_LOOKBACK_DAYS=1\n")
            env = {**as_cron(), **told, "XDG_CONFIG_HOME": folder}
            yield Rehearsal(home=Path(folder), env=env, port=int(told["HTTPS_PROXY"].rpartition(":")[2]))
    finally:
        server.terminate()
        server.wait(timeout=10)


def minutes(world: Rehearsal) -> dict[str, list[Took]]:
    """A first fill, then every way in turn, a minute later each round."""
    took: dict[str, list[Took]] = {
        name: [] for name in ("a minute of 100 symbols", "its floor", "nothing new", "as cron does it")
    }
    world.at(NOON_S)
    world.ingest("--all", "--resume")
    for number in range(1, ROUNDS + 1):
        world.at(NOON_S + 120 * number - 60)
        took["a minute of 100 symbols"].append(world.ingest("--all", "--resume"))
        took["nothing new"].append(world.ingest("--all", "--resume"))
        took["its floor"].append(world.floor())
        world.at(NOON_S + 120 * number)
        took["as cron does it"].append(world.run(str(ROOT / "batch/run_ingest.sh")))
    return took


def ranges(world: Rehearsal) -> dict[str, list[Took]]:
    """Backfills of minutes, of one month and of twelve, each of a symbol that has none yet."""
    return {
        "a month of one symbol": [world.backfill("BTCUSD", "2026-10-01")],
        "a year of one symbol": [world.backfill("ETHUSD", "2025-11-01")],
    }


def main() -> None:
    with rehearsal() as world:
        took = {**minutes(world), **ranges(world)}
    print(f"ingest from fakemarket, whole processes; seconds, of {ROUNDS} rounds")
    print(f"{'':26}{'asked':>9}{'fastest':>9}{'median':>9}{'processor':>11}{'peak MB':>9}")
    for name, runs in took.items():
        walls = sorted(run.wall_s for run in runs)
        asked = f"{ASKED_S[name]:9.1f}" if name in ASKED_S else " " * 9
        cpu, peak = min(run.cpu_s for run in runs), max(run.peak_mb for run in runs)
        print(f"{name:26}{asked}{walls[0]:9.2f}{walls[len(walls) // 2]:9.2f}{cpu:11.2f}{peak:9.0f}")
    month, year = (took[f"a {span} of one symbol"][0].peak_mb for span in ("month", "year"))
    print(f"memory of twelve months over that of one: {year / month:.2f} (asked: flat)")


if __name__ == "__main__":
    main()
