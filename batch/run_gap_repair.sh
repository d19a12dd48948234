#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: fill what is missing from the bars of all configured instances; of one, when it is named.
# Usage: run_gap_repair.sh [-h] [INSTANCE] [OPTION OF THE JOB…]
# Why here: cron calls it every six hours. What a provider confirmed it does not have is not asked for again.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry gap_repair "$@"
if (($# == 0)) || [[ $1 == -* ]]; then
  # shellcheck source=jobs/unless_configured.sh
  . "$ROOT/jobs/unless_configured.sh"
  unless_configured gap_repair
  exec "$BASH" jobs/run_with_lock.sh --name gap_repair jobs/_run_generic.sh --log gap_repair --market 24/7 --timeout 3600 -- \
    jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.gap_repair --all "$@"
fi
instance=$1 name=gap_repair@${1//[^A-Za-z0-9._+-]/_} && shift
exec "$BASH" jobs/run_with_lock.sh --name "$name" jobs/_run_generic.sh --log "$name" --market 24/7 --timeout 3600 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.gap_repair --instance "$instance" "$@"
