#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: scan the universe while the market is open.
# Usage: run_scanner.sh [-h] [--desk NAME] [OPTION OF THE JOB…]
# Why here: cron calls it every five minutes; outside trading hours it ends in a few milliseconds, before Python.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry scan "$@"
# shellcheck source=jobs/desk.sh
. "$ROOT/jobs/desk.sh"
desk_in "$@"
guarded_desk
exec "$BASH" jobs/run_with_lock.sh --name scanner"$DESK" jobs/_run_generic.sh --log scanner"$DESK" --guard th --timeout 900 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.scan "$@"
