#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: keep the bars of all configured instances up to date; of one, when it is named.
# Usage: run_ingest.sh [-h] [INSTANCE] [OPTION OF THE JOB…]
# Why here: cron calls it every minute. An instance (BTCUSD-1m) has a lock, a log and a history of its own.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry ingest "$@"
if (($# == 0)) || [[ $1 == -* ]]; then
  # shellcheck source=jobs/unless_configured.sh
  . "$ROOT/jobs/unless_configured.sh"
  unless_configured ingest
  exec "$BASH" jobs/run_with_lock.sh --name ingest jobs/_run_generic.sh --log ingest --market 24/7 --brief yes --timeout 900 -- \
    jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.ingest --all --resume "$@"
fi
instance=$1 name=ingest@${1//[^A-Za-z0-9._+-]/_} && shift
exec "$BASH" jobs/run_with_lock.sh --name "$name" jobs/_run_generic.sh --log "$name" --market 24/7 --brief yes --timeout 900 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.ingest --instance "$instance" --resume "$@"
