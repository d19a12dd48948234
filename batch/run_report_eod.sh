#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: the end-of-day report of today's session.
# Usage: run_report_eod.sh [-h] [--desk NAME] [OPTION OF THE JOB…]
# Why here: exit 2 means that the day's bars are not there yet; two more tries, five minutes apart, are worth it.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry report_eod "$@"
# shellcheck source=jobs/desk.sh
. "$ROOT/jobs/desk.sh"
desk_in "$@"
guarded_desk
exec "$BASH" jobs/run_with_lock.sh --name report_eod"$DESK" jobs/_run_generic.sh --log report"$DESK" --guard td --retry-rc 2 --retry-max 2 --retry-sleep 300 --timeout 900 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.report_eod --date auto "$@"
