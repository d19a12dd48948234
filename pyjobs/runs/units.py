"""Crontab lines as systemd user units: for each a service that runs the same command, and a timer of the same times.

Units are the user's, whatever clone wrote them: those of an environment have its name (`nightdesk-prod.nightly.timer`),
and what starts something of another clone is not written over.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from utils import paths
from utils.errors import BadDataError, CannotWriteError, ConfigError
from utils.files import os_files
from utils.files.atomic import write_text
from utils.settings.name_values import name_values

PREFIX, PROJECT = "nightdesk-", "COMPOSE_PROJECT_NAME"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LINE = re.compile(r"(@reboot|\S+ +\S+ +\S+ +\S+ +\S+) +(.+/batch/(?:run_)?([a-z_]+)\.sh.*)")
_SERVICE = """\
[Unit]
Description=nightdesk: {what}

[Service]
Type=oneshot
{settings}ExecStart={command}
Nice=5
NoNewPrivileges=yes
"""
_TIMER = """\
[Unit]
Description=nightdesk: when {what}

[Timer]
{when}
AccuracySec={accuracy}
Persistent={persistent}

[Install]
WantedBy=timers.target
"""


class Line(NamedTuple):
    """One line of a crontab that starts a job of ours: when, settings such as MARKET=XNYS, and its arguments."""

    number: int
    fields: tuple[str, ...]
    job: str
    settings: tuple[str, ...]
    arguments: tuple[str, ...]

    @property
    def unit(self) -> str:
        """`nightdesk-report-eod`; of a desk `nightdesk-report-eod-us`."""
        pairs = zip(self.arguments, self.arguments[1:], strict=False)
        desk = [re.sub(r"[^A-Za-z0-9._]", "_", Path(word).stem) for flag, word in pairs if flag == "--desk"]
        return "-".join(["nightdesk", self.job.replace("_", "-"), *desk])


def lines_of(crontab: str) -> Iterator[Line]:
    """The lines that start something in batch/; comments, settings and lines of other programs are passed over."""
    for number, text in enumerate(crontab.splitlines(), 1):
        found = None if text.startswith("#") else _LINE.fullmatch(text.replace(r"\%", "%").strip())
        if found:
            words = shlex.split(found[2])
            script = next(at for at, word in enumerate(words) if word.endswith(".sh"))
            yield Line(number, tuple(found[1].split()), found[3], tuple(words[:script]), tuple(words[script + 1 :]))


def unit_texts(crontab: str, clone: Path, zone: str) -> dict[str, str]:
    """The unit files by name. Times of the crontab are those of `zone`, a name such as Asia/Seoul.

    A timer that a machine was off for starts its job at the next start, but for those that start all day long. Raises
    BadDataError for times that a timer cannot have.
    """
    scripts = {path.stem.removeprefix("run_"): path.name for path in (clone / "batch").glob("*.sh")}
    texts = {}
    for line in lines_of(crontab):
        if line.job not in scripts:
            raise BadDataError(f"line {line.number}: there is no batch/*{line.job}.sh in {clone}")
        words = [str(clone / "batch" / scripts[line.job]), *line.arguments]
        often = any("*" in field for field in line.fields[:2])
        what = " ".join([line.job, *line.arguments])
        settings = "".join(f"Environment={_quoted(each)}\n" for each in line.settings)
        command, text = " ".join(map(_quoted, words)), what.replace("%", "%%")
        texts[f"{line.unit}.service"] = _SERVICE.format(what=text, command=command, settings=settings)
        texts[f"{line.unit}.timer"] = _TIMER.format(
            what=text,
            when=on_calendar(line, zone),
            accuracy="1s" if often else "1min",
            persistent="false" if often else "true",
        )
    return texts


def on_calendar(line: Line, zone: str) -> str:
    """`40 18 * * 1-5` in Seoul as `OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 18:40:00 Asia/Seoul`. Raises BadDataError.

    `@reboot` is half a minute after the user's manager has started.
    """
    if line.fields == ("@reboot",):
        return "OnStartupSec=30s"
    minute, hour, day, month, weekday = line.fields
    if "*" not in (day, weekday):
        raise BadDataError(f"line {line.number}: cron takes either of day {day} and weekday {weekday}; write two lines")
    days = {each % 7 or 7 for each in _numbers(weekday, 0, 7, line)} if weekday != "*" else ()
    names = ",".join(DAYS[each - 1] for each in sorted(days))
    hours = ",".join(f"{each:02d}" for each in _numbers(hour, 0, 23, line)) if hour != "*" else "*"
    minutes = ",".join(f"{each:02d}" for each in _numbers(minute, 0, 59, line)) if minute != "*" else "*"
    date = "-".join(
        ",".join(f"{each:02d}" for each in _numbers(field, 1, last, line)) if field != "*" else "*"
        for field, last in ((month, 12), (day, 31))
    )
    return f"OnCalendar={names + ' ' if names else ''}*-{date} {hours}:{minutes}:00 {zone}"


def _numbers(field: str, low: int, high: int, line: Line) -> list[int]:
    """The numbers of a crontab's field, such as `*/6`, `22-23,0-5`, `40`."""
    found: set[int] = set()
    for part in field.split(","):
        given = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        first = int(given[1]) if given and given[1] else low
        last = int(given[2]) if given and given[2] else first if given and given[1] else high
        if given is None or not low <= first <= last <= high or given[3] == "0":
            raise BadDataError(f"line {line.number}: {part!r} is not a time of a crontab")
        found |= set(range(first, last + 1, int(given[3] or 1)))
    return sorted(found)


def _quoted(word: str) -> str:
    """A word of ExecStart: quoted where need be; `%` and `$` mean something to systemd."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if re.search(r"[^A-Za-z0-9_./@:=,+%-]", word) or not word else plain


def folder() -> Path:
    """Where the user's manager looks for units."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "systemd" / "user"


def named(unit: str) -> str:
    """The name of a unit of this clone: `nightdesk-nightly.timer`, of an environment `nightdesk-prod.nightly.timer`.

    Raises ConfigError where the environment's .env has no name.
    """
    environment = paths.environment()
    if environment is None:
        return unit
    env = environment / ".env"
    try:
        values = {name: value for _, _, name, value in name_values(env.read_bytes(), env)}
    except OSError as error:
        raise ConfigError(f"'{env}' cannot be read: {error.strerror}") from error
    if not values.get(PROJECT):
        raise ConfigError(f"'{env}': {PROJECT}=nightdesk-NAME must be in it: units have the environment's name")
    return f"{values[PROJECT]}.{unit.removeprefix(PREFIX)}"


def write(texts: Mapping[str, str]) -> list[str]:
    """Write units (names as of a clone) for this clone; the names that they have.

    Raises ConfigError where one starts another clone that is there, before anything is written; CannotWriteError.
    """
    found = {named(unit): text for unit, text in texts.items()}
    for name in found:
        other = _clone_of(folder() / name)
        if other and other.is_dir() and os_files.real(other) != os_files.real(paths.entrance()):
            raise ConfigError(
                f"'{folder() / name}' starts another clone, '{other}': one of both by crontab, or uninstall it there"
            )
    try:
        folder().mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            write_text(folder() / name, text)
    except OSError as error:
        raise CannotWriteError(f"cannot write '{error.filename}': {error.strerror}") from error
    return sorted(found)


def _clone_of(unit: Path) -> Path | None:
    """The clone that a unit starts something of, or its service, where it is a timer; None without one."""
    try:
        text = unit.with_suffix(".service").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return next((root for words in commands(text) for root in _roots(words)), None)


def commands(text: str) -> Iterator[list[str]]:
    """What a service starts, as words."""
    for command in re.findall(r"^ExecStart=(.*)", text, re.MULTILINE):
        try:
            yield shlex.split(command.replace("%%", "%").replace("$$", "$"))
        except ValueError:
            continue


def _roots(words: list[str]) -> Iterator[Path]:
    paths_of = (Path(word) for word in words if word.endswith(".sh"))
    return (path.parent.parent for path in paths_of if path.parent.name in ("batch", "jobs"))


def live_unit() -> dict[str, str]:
    """The service that keeps the paper loops, by its name as of a clone."""
    template = paths.config_dir() / "schedule/systemd" / f"{PREFIX}live.service"
    root = str(paths.entrance()).replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    return {template.name: template.read_text(encoding="utf-8").replace("@ROOT@", root)}
