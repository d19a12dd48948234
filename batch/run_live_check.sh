#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: check every paper loop to its first line, backtest its window, rehearse a restart, and report green or red.
# Usage: run_live_check.sh [-h] [OPTION OF THE JOB…]
# Why here: cron calls it once a day; the go-live report goes by what it found. Without loops nothing is started.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry live_check "$@"
[[ -e $NIGHTDESK_HOME/secret/live.yaml ]] || ! grep -q '^loops: {}' config/live.yaml || exit 0
exec "$BASH" jobs/run_with_lock.sh --name live_check jobs/_run_generic.sh --log live_check --market 24/7 --timeout 3600 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.live_check "$@"
