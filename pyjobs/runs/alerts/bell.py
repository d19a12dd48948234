"""When alerts are sent: on a change of state, exactly one recovery, never on a repeat.

secret/alerts.yaml (mode 600), every key optional:
    apprise: ["mailto://…", "tgram://…"]   addresses of the optional package `apprise`
    ping: https://hc-ping.com/…            plain HTTP: …/fail when something fails, the address when all is well
    heartbeat: https://hc-ping.com/…       the same at every look: who misses it learns that this machine is silent
    timeout_s: 20                          a hard limit for all of it together

What each address has got is kept, so that one that could not be reached is tried again, and no other hears it twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pyjobs.runs.alerts import send
from pyjobs.runs.alerts.send import Message
from pyjobs.runs.verdict.findings import Check
from utils import paths
from utils.errors import ConfigError
from utils.files import atomic, os_files
from utils.settings.config import load_yaml

FILE, KEPT = "alerts.yaml", "alerts_told.json"
SHOWN = 5


class Alerts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """secret/alerts.yaml."""

    apprise: list[str] = []
    ping: str = ""
    heartbeat: str = ""
    timeout_s: float = 20.0


def ring(checks: Sequence[Check], now_s: float, *, secret: Path, keep_in: Sequence[Path]) -> Check | None:
    """Send what has not been sent yet; return a check with the outcome. None without secret/alerts.yaml.

    Whatever goes wrong here is a WARN and changes no other verdict.
    """
    path = secret / FILE
    if not os.path.lexists(path):
        return None
    try:
        alerts = _load(path)
    except ConfigError as error:
        return Check("alert", "WARN", str(error), "alert")
    failing = sorted({_named(check) for check in checks if check.state == "FAIL"})
    found = _read(keep_in)
    messages = list(_due(alerts, found, failing, [check for check in checks if check.state == "FAIL"]))
    problems = send.all_of(messages, alerts.timeout_s)
    for message, problem in zip(messages, problems, strict=True):
        if not problem and message.kind != "heartbeat":
            found[_key(message.kind, message.address)] = failing
    kept = _keep(keep_in, found, now_s) if messages else True
    wrong = [f"{message.kind}: {problem}" for message, problem in zip(messages, problems, strict=True) if problem]
    if not kept:
        wrong.append("the last alert cannot be noted: it may be sent again")
    if wrong:
        return Check("alert", "WARN", "; ".join(wrong), "alert")
    sent = sum(message.kind != "heartbeat" for message in messages)
    return Check("alert", "OK", f"{sent} sent" if sent else "nothing new to report", "alert")


def places() -> list[Path]:
    """Where the record of sent alerts is kept: the first place that can be written, since a disk may be read-only."""
    mark = hashlib.sha256(str(paths.root()).encode()).hexdigest()[:12]
    spare = Path(tempfile.gettempdir()) / f"nightdesk-{os.getuid()}-{mark}"
    return [paths.data_dir(), paths.logs_dir(), paths.locks_dir(), spare]


def _load(path: Path) -> Alerts:
    if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path}: others may read it, and it holds secrets: chmod 600 {path}")
    return load_yaml(path, Alerts)


def _due(
    alerts: Alerts, record: Mapping[str, list[str]], failing: Sequence[str], checks: Sequence[Check]
) -> list[Message]:
    """The alert to send: of something that has begun to fail, or, once, that all is well again."""
    title, body = _text(checks)
    found = []
    for kind, address in [
        *(("apprise", each) for each in alerts.apprise),
        *([("ping", alerts.ping)] if alerts.ping else []),
    ]:
        known = record.get(_key(kind, address), [])
        news = set(failing) - set(known) if failing else set(known)
        if news:
            found.append(Message("ping" if kind == "ping" else "apprise", address, title, body, not failing))
    if alerts.heartbeat:
        found.append(Message("heartbeat", alerts.heartbeat, title, body, not failing))
    return found


def _text(failing: Sequence[Check]) -> tuple[str, str]:
    """Why in one line, and the command to run next."""
    host = os.environ.get("ENV") or socket.gethostname()
    if not failing:
        return f"nightdesk {host}: well again", "Nothing fails any more."
    first = failing[0]
    more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
    lines = [f"{check.name}: {check.detail}" for check in failing[:SHOWN]]
    return f"nightdesk {host}: FAIL {first.name}{more}", "\n".join(
        [*lines, f"next: {first.cure or 'batch/run_healthcheck.sh'}"]
    )


def _named(check: Check) -> str:
    """A job by its name; of many series, folders or databases only that there are some."""
    return check.name if check.kind in ("job", "") else check.kind


def _key(kind: str, address: str) -> str:
    """An address is a secret: it is kept as its hash."""
    return f"{kind} {hashlib.sha256(address.encode()).hexdigest()[:16]}"


def _read(folders: Sequence[Path]) -> dict[str, list[str]]:
    """The record of sent alerts, by the newest of the files that can be read."""
    found: list[tuple[float, dict[str, list[str]]]] = []
    for folder in folders:
        try:
            kept: Any = os_files.read_json(folder / KEPT)
            record = {str(key): [str(name) for name in names] for key, names in kept["told"].items()}
            found.append((float(kept["at_s"]), record))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            continue
    return max(found, key=lambda each: each[0])[1] if found else {}


def _keep(folders: Sequence[Path], record: Mapping[str, list[str]], now_s: float) -> bool:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            atomic.write_text(folder / KEPT, json.dumps({"at_s": now_s, "told": record}, indent=1) + "\n")
        except OSError:
            continue
        return True
    return False
