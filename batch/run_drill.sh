#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: the restore drill: the newest backup into an empty folder, databases looked at, a night run on it.
# Usage: run_drill.sh [-h] [OPTION OF THE JOB…]
# Why here: a backup is only proven by a restore; health shows when this went well last.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry restore "$@"
exec "$BASH" jobs/run_with_lock.sh --name drill jobs/_run_generic.sh --log drill --timeout 7200 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.restore --drill "$@"
