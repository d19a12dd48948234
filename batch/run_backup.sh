#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: back up what cannot be made again: databases, configuration, decisions, trades, queue, backtests, pinned runs.
# Usage: run_backup.sh [-h] [OPTION OF THE JOB…]
# Why here: a copy of a live database is corrupt half of the time; this one is taken while others write. BACKUP_TO names the place.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry backup "$@"
exec "$BASH" jobs/run_with_lock.sh --name backup jobs/_run_generic.sh --log backup --timeout 7200 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.backup "$@"
