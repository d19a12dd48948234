#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: remove old nightly runs and old logs.
# Usage: run_prune.sh [-h] [OPTION OF THE JOB…]
#   --dry-run prints a reason for each item
# Why here: KEEP_DAYS and KEEP_MAX_RUNS bound the disk; the newest good run always stays.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry prune_runs "$@"
case " $* " in *' --json 1 '* | *' --json=1 '*) export NIGHTDESK_ECHO=output ;; esac
exec "$BASH" jobs/run_with_lock.sh --name prune jobs/_run_generic.sh --log prune --timeout 3600 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.prune_runs "$@"
