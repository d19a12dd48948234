#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: after a boot: start all configured paper loops, and log whether they began.
# Usage: cron_reboot.sh [-h] [OPTION OF THE JOB…]
# Why here: cron calls it at @reboot. The loops are started outside the chain, which would end what a job leaves behind.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry live_loop "$@"
[[ -e $NIGHTDESK_HOME/secret/live.yaml ]] || ! grep -q '^loops: {}' config/live.yaml || exit 0
"$BASH" jobs/live.sh up >/dev/null || true # whether they began is what is looked at now
exec "$BASH" jobs/run_with_lock.sh --name live_reboot jobs/_run_generic.sh --log live_reboot --market 24/7 --timeout 120 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.live_loop --status --wait 60 "$@"
