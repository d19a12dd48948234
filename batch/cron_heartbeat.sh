#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: prove that the paper loops are alive and step well; exit 3, and cron mails it, when they do not.
# Usage: cron_heartbeat.sh [-h] [OPTION OF THE JOB…]
# Why here: cron calls it every ten minutes; without loops in live.yaml nothing is started.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry live_loop "$@"
[[ -e $NIGHTDESK_HOME/secret/live.yaml ]] || ! grep -q '^loops: {}' config/live.yaml || exit 0
exec "$BASH" jobs/run_with_lock.sh --name live_heartbeat jobs/_run_generic.sh --log live_heartbeat --market 24/7 --timeout 120 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.live_loop --status "$@"
