#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: make a virtual environment, or bring it to what a pinned requirements file lists.
# Usage: make_venv.sh REQUIREMENTS_FILE [FOLDER]     (default: .venv)
# $PYTHON names the interpreter to make it from; default: the newest python3 on PATH that is 3.11 or newer.
set -euo pipefail
cd -P -- "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./.."

# usable PYTHON: whether it is new enough.
usable() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

(($# == 1 || $# == 2)) || { printf 'usage: make_venv.sh REQUIREMENTS_FILE [FOLDER]\n' >&2 && exit 64; }
venv=${2:-.venv}
if ! usable "$venv/bin/python"; then
  for python in "${PYTHON:-}" python3.14 python3.13 python3.12 python3.11 python3 ''; do
    [[ ! $python ]] || ! usable "$python" || break
  done
  [[ $python ]] || { printf 'make_venv.sh: no Python 3.11 or newer on PATH; set PYTHON=/path/to/python3\n' >&2 && exit 78; }
  printf 'making %s with %s\n' "$venv" "$("$python" -V)"
  "$python" -m venv --clear "$venv" || {
    printf 'make_venv.sh: %s cannot make a virtual environment; on Debian: apt install python3-venv\n' "$python" >&2
    exit 78
  }
fi
printf 'installing %s …\n' "$1"
# The file names everything, with hashes: nothing is left to be found out (and pykrx's `pandas < 3` is overruled, see pyproject.toml).
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$1"
