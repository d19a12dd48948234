#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: one step of a paper loop, and out; of every loop of live.yaml, when none is named.
# Usage: run_live.sh [-h] [INSTANCE] [OPTION OF THE JOB…]
# Why here: cron calls it every minute. A loop that is named has a lock, a log and a history of its own.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry live_step "$@"
if (($# == 0)) || [[ $1 == -* ]]; then
  # without a loop there is nothing to do, and no Python is started to find that out every minute
  [[ -e $NIGHTDESK_HOME/secret/live.yaml ]] || ! grep -q '^loops: {}' config/live.yaml || exit 0
  exec "$BASH" jobs/run_with_lock.sh --name live jobs/_run_generic.sh --log live --market 24/7 --brief yes --timeout 600 -- \
    jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.live_step --all "$@"
fi
instance=$1 name=live@${1//[^A-Za-z0-9._+-]/_} && shift
exec "$BASH" jobs/run_with_lock.sh --name "$name" jobs/_run_generic.sh --log "$name" --market 24/7 --brief yes --timeout 120 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.live_step --instance "$instance" "$@"
