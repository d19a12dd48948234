"""Setting up symbols: an instance file each, a first backfill each, and what starts their jobs from then on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from pyjobs.market.instances import Instance
from utils.errors import CannotWriteError, MissingInputError

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
    quote = "'" if " " in str(root) else ""
    return [f"{EVERY[job]}  {quote}{root}/batch/{UNITS[job]}{quote}".replace("%", r"\%") for job in jobs]


def unit_names(instances: Sequence[Instance], *, gap_repair: bool) -> list[str]:
    """The timers of the instances: `nightdesk-ingest@BTCUSD-1m.timer`; a `%` in a name is written `\\x25`."""
    kinds = ["ingest", *(["gap-repair"] if gap_repair else [])]
    return [f"nightdesk-{kind}@{one.name.replace('%', chr(92) + 'x25')}.timer" for one in instances for kind in kinds]


def unit_texts(templates: Path, root: Path) -> dict[str, str]:
    """The four unit files by name, from the templates, with this clone's path in them."""
    found = sorted(templates.glob("nightdesk-*@.*"))
    if not found:
        raise MissingInputError(f"{templates}: there are no unit templates")
    path = str(root).replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    return {template.name: template.read_text(encoding="utf-8").replace("@ROOT@", path) for template in found}


def enable_timers(names: Sequence[str], units: Path, *, say: Callable[[str], None]) -> None:
    """`systemctl --user enable --now` the timers. Raises CannotWriteError with what systemctl said."""
    for command in (["daemon-reload"], ["enable", "--now", *names]):
        try:
            done = subprocess.run(
                ["systemctl", "--user", *command], capture_output=True, text=True, timeout=60, check=False
            )
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            raise CannotWriteError(f"systemctl --user cannot be used here ({error}); use the crontab lines") from None
        if done.returncode:
            raise CannotWriteError(f"systemctl --user {' '.join(command)}: {done.stderr.strip()} (units: {units})")
    say(f"enabled {len(names)} timers; keep them after logout with: loginctl enable-linger")
