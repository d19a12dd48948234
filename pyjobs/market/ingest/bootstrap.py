"""Setting up symbols: an instance file each, a first backfill each, and what starts their jobs from then on."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from pyjobs.market.ingest.instances import Instance
from utils.errors import CannotWriteError, ConfigError, MissingInputError

DEFAULT_SYMBOLS = (
    "BTCUSD",
    "ETHUSD",
    "SOLUSD",
    "XRPUSD",
    "LTCUSD",
    "ADAUSD",
    "DOGE:USD",
    "DOTUSD",
    "LINK:USD",
    "AVAX:USD",
)
UNITS = {"ingest": "run_ingest.sh", "gap-repair": "run_gap_repair.sh"}
EVERY = {"ingest": "* * * * *", "gap-repair": "17 */6 * * *"}


def crontab_lines(root: Path, *, gap_repair: bool) -> list[str]:
    """Crontab lines that keep every instance up to date; a path with spaces is quoted, `%` escaped."""
    jobs = ["ingest", *(["gap-repair"] if gap_repair else [])]
    return [f"{EVERY[job]}  {shlex.quote(f'{root}/batch/{UNITS[job]}')}".replace("%", r"\%") for job in jobs]


def unit_names(instances: Sequence[Instance]) -> list[str]:
    """The timers of the instances: `nightdesk-ingest@BTCUSD-1m.timer`; a `%` in a name is written `\\x25`."""
    return [
        f"nightdesk-{kind}@{one.name.replace('%', chr(92) + 'x25')}.timer"
        for one in instances
        for kind in ("ingest", *(["gap-repair"] if one.gap_repair else []))
    ]


def unit_texts(templates: Path, root: Path) -> dict[str, str]:
    """The four unit files by name, from the templates, with this clone's path in them."""
    found = sorted(templates.glob("nightdesk-*@.*"))
    if not found:
        raise MissingInputError(f"{templates}: there are no unit templates")
    path = str(root).replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    return {template.name: template.read_text(encoding="utf-8").replace("@ROOT@", path) for template in found}


def enabling(names: Sequence[str]) -> list[list[str]]:
    """The commands that make the user's manager read the units and start the timers, now and after every boot."""
    return [["systemctl", "--user", "daemon-reload"], ["systemctl", "--user", "enable", "--now", *names]]


def enable_timers(names: Sequence[str], units: Path, *, say: Callable[[str], None]) -> None:
    """Enable the timers and start them. The units must be written.

    Raises ConfigError where no manager can be asked, CannotWriteError with the message of systemctl when it refuses.
    """
    rest = f"the units are in {units}: enable them later, or leave out --systemd to get crontab lines"
    up = _ran(["systemctl", "--user", "show", "--property=Version"], rest)
    if up.returncode:
        raise ConfigError(
            f"this user has no running systemd manager here ({up.stderr.strip()}): log in as the user itself, not by "
            f"su or sudo, or let root run `loginctl enable-linger USER` once; {rest}"
        )
    for command in enabling(names):
        done = _ran(command, rest)
        if done.returncode:
            raise CannotWriteError(f"{' '.join(command)}: {done.stderr.strip()}; {rest}")
    say(f"enabled {len(names)} timers; keep them after logout with: loginctl enable-linger")


def _ran(command: list[str], rest: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"systemctl --user cannot be used here ({error}); {rest}") from None
