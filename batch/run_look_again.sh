#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: look again at KRX's boards of one, five and twenty sessions ago, and store what has been revised since.
# Usage: run_look_again.sh [-h]
# Why here: a night and an end of day do it by themselves; where neither runs, cron calls this one.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry look_again "$@"
exec "$BASH" jobs/run_with_lock.sh --name look_again jobs/_run_generic.sh --log look_again --timeout 900 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.look_again "$@"
