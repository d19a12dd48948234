"""A week lived through: a clone, a desk by new_desk, a crontab whose lines start at their times, one clock for all.

cron's own clock cannot be given to its jobs, so each line is started at its time by `/bin/sh`, as cron does it, with
cron's empty environment, NIGHTDESK_NOW and the way to fakemarket. Of lines that start more than twelve times a day some
are taken: those of `chosen`. What a job prints would be mailed.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim

from tests.fakemarket.server import FakeMarket

ROOT = Path(__file__).resolve().parents[3]
OFTEN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a crontab: five fields, and the command with what stands before it in the table."""

    times: str
    command: str
    settings: tuple[str, ...] = ()

    @property
    def job(self) -> str:
        """The entry point: `run_scanner`."""
        found = re.search(r"batch/(\w+)\.sh", self.command)
        return found[1] if found else self.command


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """One start: when (UTC seconds), what came of it, and what cron would mail."""

    at_s: int
    line: Line
    code: int
    mail: str


def link_environment(venv: Path) -> None:
    """This clone's environment for another, which may take it for newly installed: no update touches this one's."""
    venv.mkdir()
    for each in (ROOT / ".venv").resolve().iterdir():
        if not each.name.startswith(".installed"):
            (venv / each.name).symlink_to(each)
    for each in ("nas", "dev"):
        (venv / f".installed-{each}").touch()


def lines_of(crontab: str) -> list[Line]:
    """The lines of a crontab; `NAME=value` holds for those after it."""
    found, settings = [], list[str]()
    for text in crontab.splitlines():
        text = text.strip()
        if not text or text.startswith("#"):
            continue
        if re.match(r"[A-Z_]+=", text):
            settings.append(text)
            continue
        if text.startswith("@reboot"):
            continue  # nothing boots in this week
        *times, command = text.split(None, 5)
        found.append(Line(times=" ".join(times), command=command.replace(r"\%", "%"), settings=tuple(settings)))
    return found


@dataclass(kw_only=True)
class Box:
    """A machine with a clone on it, in a time zone of its own."""

    clone: Path
    zone: str
    fake: FakeMarket
    env: dict[str, str]
    started: list[Started] = field(default_factory=list)

    @classmethod
    def cloned(cls, folder: Path, zone: str, fake: FakeMarket, env: dict[str, str]) -> Box:
        """A fresh clone with the environment of this one; what is compiled for this machine comes along."""
        clone = folder / "my desk"
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(clone)], check=True)
        link_environment(clone / ".venv")
        compiled = ROOT / "data/cache/native"
        if compiled.is_dir():
            shutil.copytree(compiled, clone / "data/cache/native")
        (clone / ".env").touch(0o600)
        (clone / ".env").write_text("KRX_ID=someone\nKRX_PW=something\n")
        return cls(clone=clone, zone=zone, fake=fake, env=env)

    def lose_little_to_outages(self) -> None:
        """Jobs give up on a provider within seconds, below what new_desk has put into the box's own settings."""
        with (self.clone / "config/env.local.sh").open("a", encoding="utf-8") as file:
            file.write("export RETRY_BUDGET_S=2\n")

    def at(self, now_s: int) -> dict[str, str]:
        """It is now `now_s`, here and at the providers: the environment of a job that cron starts."""
        self.fake.clock.set(now_s * 1000)
        cron = {"HOME": str(self.clone.parent), "LOGNAME": "someone", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
        ways = {name: value for name, value in self.env.items() if name.lower().endswith(("_proxy", "_bundle"))}
        caches = {
            name: self.env[name] for name in ("MPLCONFIGDIR", "XDG_CACHE_HOME", "SSL_CERT_FILE") if name in self.env
        }
        return {**cron, **ways, **caches, "NIGHTDESK_NOW": str(now_s)}

    def verb(self, now_s: int, name: str, *arguments: str) -> str:
        """A verb by hand, which must end well; what it prints."""
        command = [self.clone / ".venv/bin/python", "-m", f"pyjobs.{name}", *arguments]
        done = subprocess.run(
            command, cwd=self.clone, env=self.at(now_s), stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        return done.stdout

    def start(self, now_s: int, line: Line) -> Started:
        """Start a line as cron does, and wait for its end."""
        env = {**self.at(now_s), **dict(text.split("=", 1) for text in line.settings)}
        done = subprocess.run(
            ["/bin/sh", "-c", line.command], cwd="/", env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        self.started.append(Started(at_s=now_s, line=line, code=done.returncode, mail=done.stdout))
        return self.started[-1]

    def start_and_kill(self, now_s: int, line: Line) -> None:
        """Start a night, and kill everything of it with SIGKILL once its first step has ended."""
        env = {**self.at(now_s), **dict(text.split("=", 1) for text in line.settings)}
        running = subprocess.Popen(
            ["/bin/sh", "-c", line.command], cwd="/", env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        until = time.monotonic() + 120
        while not self._a_step_has_ended() and time.monotonic() < until:
            time.sleep(0.05)
            assert running.poll() is None, "the night ended before it could be killed"
        while ours := self._processes():
            for pid in ours:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.05)
        running.wait()

    def _a_step_has_ended(self) -> bool:
        for steps in (self.clone / "data/server_runs").glob(".building-*/logs/steps.json"):
            if json.loads(steps.read_text())["steps"]:
                return True
        return False

    def _processes(self) -> list[int]:
        """Everything that runs in this clone."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if (entry / "cwd").resolve() == self.clone or str(self.clone).encode() in (
                        entry / "cmdline"
                    ).read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    continue
        return [pid for pid in found if _alive(pid)]

    def history(self) -> list[dict[str, Any]]:
        """Every line of logs/history.jsonl."""
        return [json.loads(line) for line in (self.clone / "logs/history.jsonl").read_text().splitlines()]

    def health(self, day: dt.date) -> str:
        """The day's last health check of the whole: OK, WARN or FAIL."""
        log = self.clone / f"logs/healthcheck_{day}.log"
        said = re.findall(r"health: (\w+)", log.read_text()) if log.exists() else []
        return str(said[-1]) if said else ""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def shipped(box: Box, desk: Path) -> list[Line]:
    """The crontab example as it ships, for this clone, without the lines of the second desk, which this box has not."""
    assert desk == box.clone / "config/desk.yaml"
    text = (box.clone / "config/schedule/crontab.example").read_text()
    lines = lines_of(text.replace("/path/to/nightdesk/batch", f"{shlex.quote(str(box.clone))}/batch"))
    return [line for line in lines if "--desk" not in line.command.split()]


def printed(new_desk: str) -> list[Line]:
    """The crontab lines that new_desk has printed."""
    text = new_desk.partition("crontab lines")[2].partition("\n")[2].partition("\nnext:")[0]
    return lines_of(text)


def starts(
    lines: Sequence[Line], begin: dt.datetime, days: int, zone: str, seed: int, often: int
) -> Iterator[tuple[int, Line]]:
    """(UTC second, line) in order of time, from `begin` on, by the box's zone; of frequent lines `often` a day."""
    begin = begin.astimezone(ZoneInfo(zone))
    end = begin + dt.timedelta(days=days)
    rng, found = random.Random(seed), list[tuple[int, int, Line]]()
    for place, line in enumerate(lines):
        by_day: dict[dt.date, list[int]] = {}
        for when in CronSim(line.times, begin - dt.timedelta(minutes=1)):
            if when >= end:
                break
            by_day.setdefault(when.date(), []).append(int(when.timestamp()))
        for at in by_day.values():
            found += [(second, place, line) for second in (sorted(rng.sample(at, often)) if len(at) > OFTEN else at)]
    for second, _, line in sorted(found, key=lambda each: each[:2]):
        yield second, line
