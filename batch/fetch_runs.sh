#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: fetch finished runs from the server to this machine (a laptop: bash 3.2 will do), verified, then renamed.
# Usage: REMOTE=user@host REMOTE_ROOT=/path/to/nightdesk/data/server_runs [SSH_PORT=22] fetch_runs.sh [-h] [--dry-run]
#                      [--since DATE] [--prune-local]
# Why outside the chain: it runs where the server's jobs do not, on a Mac too, whose bash has no flock and no $EPOCHSECONDS.
# It needs rsync (Apple's will do), ssh with a key that asks nothing, and a Python 3.11 or newer; no package.
set -eu
unset CDPATH
home=$(cd -P -- "$(dirname -- "$0")/.." && pwd)
found=''
for python in "${PYTHONBIN:-}" "$home/.venv/bin/python" python3.14 python3.13 python3.12 python3.11 python3 /opt/homebrew/bin/python3; do
  if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    found=$python
    break
  fi
done
if [ -z "$found" ]; then
  printf 'fetch_runs.sh: no Python 3.11 or newer here: brew install python, or make setup, or PYTHONBIN=/path/to/python3\n' >&2
  exit 78
fi
export NIGHTDESK_HOME="${NIGHTDESK_HOME:-$home}" PYTHONUTF8=1
cd -- "$home"
exec "$found" -u -m pyjobs.fetch_runs "$@"
