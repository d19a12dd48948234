"""Keys and passwords, by name: from the environment, else from secret/.env, else from .env. Parsed, never sourced.

A file that others may read is refused. A value is never printed; `repr` of nothing here holds one.
"""

from __future__ import annotations

import os
from pathlib import Path

from utils import paths
from utils.errors import ConfigError
from utils.files.text_files import bytes_of
from utils.settings.name_values import name_values

ALSO = {"APCA_API_KEY_ID": "ALPACA_API_KEY", "APCA_API_SECRET_KEY": "ALPACA_API_SECRET"}  # other spellings
_OTHERS = 0o077
SHORTEST = 6
IDS = {"APCA_API_KEY_ID", "KRX_ID"}  # who one is, no secret: of any length


def find(name: str) -> str | None:
    """The value of `name`, or None when it is nowhere or empty; another spelling's only then.

    Raises ConfigError for an unsafe file.
    """
    value = _find(name)
    return _find(ALSO[name]) if value is None and name in ALSO else value


def _find(name: str) -> str | None:
    if os.environ.get(name):
        return os.environ[name]
    for path in files():
        value = read(path).get(name)
        if value:
            return value
    return None


def for_provider(name: str) -> str | None:
    """As `find`; a key or password that no provider can have given is refused, by its name alone.

    Libraries quote such a key in their error messages, where one of a few letters could not be found again to hide it.
    """
    value = find(name)
    if not value:
        return None
    what = ""
    if value != value.strip():
        what = "begins or ends with a blank"
    elif not value.isprintable():
        what = "holds a control character"
    elif len(value) < SHORTEST and name not in IDS:
        what = f"is shorter than {SHORTEST} characters"
    if what:
        where = "the environment" if os.environ.get(name) else ", ".join(map(str, files()))
        raise ConfigError(f"{name} (in {where}) {what}: copy it again, without quotes and blanks around it")
    return value


def files() -> list[Path]:
    """The files that may hold secrets and exist, the one that wins first."""
    return [path for path in (paths.secret_dir() / ".env", paths.root() / ".env") if path.exists()]


def read(path: Path) -> dict[str, str]:
    """`NAME=value` lines: `export`, quotes, comments and blank lines as a shell has them; nothing is expanded."""
    try:
        state = path.stat()
        if hasattr(os, "getuid") and (state.st_mode & _OTHERS or state.st_uid not in (os.getuid(), 0)):
            raise ConfigError(
                f"{path}: others may read it (mode {state.st_mode & 0o777:o}, owner {state.st_uid}): "
                f"chmod 600 and chown to the user of the jobs ({os.getuid()}); it is not read as it is"
            )
        content = bytes_of(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read: {error.strerror}") from None
    values = {}
    for number, _, name, value in name_values(content, path):
        if not name:
            raise ConfigError(f"{path}:{number}: not NAME=value")
        values[name] = value
    return values
