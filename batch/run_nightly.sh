#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: the whole night: prices in, scan, queue, backtests, reports, manifest, prune.
# Usage: run_nightly.sh [-h] [--desk NAME] [OPTION OF THE JOB…]
# Why here: no calendar guard: a night run twice, or on a holiday, is about the last closed session and changes nothing.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry nightly "$@"
# shellcheck source=jobs/desk.sh
. "$ROOT/jobs/desk.sh"
desk_in "$@"
exec "$BASH" jobs/run_with_lock.sh --name nightly"$DESK" jobs/_run_generic.sh --log nightly"$DESK" --timeout 14400 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.nightly "$@"
