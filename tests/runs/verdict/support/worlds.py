"""A house in a state that a line of text describes: history, logs, locks, instances, clock. Nothing here judges."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

from pyjobs import why
from pyjobs.runs.verdict import findings, look, records
from pyjobs.runs.verdict.findings import Check
from pyjobs.runs.verdict.look import House
from utils.run import run

SEOUL = dt.timezone(dt.timedelta(hours=9))
INSTANCE = "CT_EXCHANGE=BITFINEX\nCT_SYMBOL={0}\nCT_TIMEFRAME=1m\nCT_GAP_REPAIR=1\n"


def seoul(text: str) -> int:
    """UTC seconds of `2026-11-20 23:40` in Seoul."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=SEOUL).timestamp())


def a_record(line: str) -> dict[str, object]:
    """`nightly 2026-11-20 22:10 ok`, `ingest@BTCUSD-1m … fail=1`, `… ok +7200` (seconds it took), `… ok for=2026-11-19`."""
    name, day, at, how, *more = line.split()
    job, _, instance = name.partition("@")
    outcome, _, code = how.partition("=")
    took = next((int(word[1:]) for word in more if word.startswith("+")), 20)
    session = next((word[4:] for word in more if word.startswith("for=")), day)
    start = seoul(f"{day} {at}")
    sent_home = outcome in ("skip:busy", "skip:not-a-session", "skip:outside-hours")
    log = f"logs/{ {'report_eod': 'report', 'precache_benchmarks': 'precache', 'report_watchlist': 'watchlist'}.get(job, job) }_{session}.log"
    return {
        "job": job, "instance": instance, "session": session, "start": start, "end": start + (0 if sent_home else took),
        "attempts": 0 if sent_home else 1, "code": int(code or 0), "outcome": outcome, "log": log,
    }  # fmt: skip


@dataclass
class World:
    """A house under `home`, at `now` (Seoul's clock)."""

    home: Path
    now: str

    def with_history(self, *lines: str) -> None:
        (self.home / "logs").mkdir(exist_ok=True)
        text = "".join((json.dumps(a_record(line)) if line[0].isalpha() else line) + "\n" for line in lines)
        (self.home / "logs/history.jsonl").write_text(text, encoding="utf-8")

    def with_log(self, name: str, *lines: str) -> None:
        (self.home / "logs").mkdir(exist_ok=True)
        (self.home / "logs" / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    def with_instances(self, *symbols: str, since: str) -> None:
        folder = self.home / "config/instances"
        folder.mkdir(parents=True, exist_ok=True)
        for symbol in symbols:
            path = folder / f"{symbol}-1m.env"
            path.write_text(INSTANCE.format(symbol))
            os.utime(path, (seoul(since), seoul(since)))

    def made(self, since: str) -> None:
        """Whatever is in the house is as old as this."""
        (self.home / "data").mkdir(exist_ok=True)
        for path in [self.home, *self.home.iterdir(), *self.home.glob("*/*")]:
            os.utime(path, (seoul(since), seoul(since)))

    def held_by_us(self, name: str, since: str) -> io.IOBase:
        """This very process holds the lock: keep what is returned."""
        folder = self.home / ".locks"
        folder.mkdir(exist_ok=True)
        handle = (folder / f"{name}.lock").open("w")
        (folder / f"{name}.holder").write_text(f"{os.getpid()}\t{seoul(since)}\t'jobs/_run_generic.sh'\n")
        return handle

    def left_by(self, name: str, pid: int, since: str) -> None:
        """A line that a killed run left, and a lock that nobody holds."""
        folder = self.home / ".locks"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.lock").touch()
        (folder / f"{name}.holder").write_text(f"{pid}\t{seoul(since)}\t'jobs/_run_generic.sh'\n")

    def checks(self) -> dict[str, Check]:
        """Health's checks of the jobs, by name."""
        now_s = float(seoul(self.now))
        told = records.read(self.home / "logs", now_s)
        found = list(look.check_jobs(look.load_plans(), told.runs, look.load_kept(), House(now_s)))
        return {check.name: check for check in found}

    def says(self, name: str) -> tuple[str, str, int, str]:
        """(health's state, its sentence, the exit code of a health that sees that alone, what `why` prints first)."""
        check = self.checks()[name]
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert run(why.main, [name]) == 0
        return check.state, check.detail, int(findings.exit_code([check])), out.getvalue().splitlines()[0]
