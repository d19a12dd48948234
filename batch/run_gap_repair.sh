#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: fill what is missing from the bars of all configured instances; of one, when it is named.
# Usage: run_gap_repair.sh [-h] [INSTANCE] [OPTION OF THE JOB…]
# Why here: cron calls it every six hours. What a provider confirmed it does not have is not asked for again.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry gap_repair "$@"
name=gap_repair which=--all
if [[ ${1:-} == [!-]* ]]; then name=gap_repair@$1 which=--instance=$1 && shift; fi
exec "$BASH" jobs/run_with_lock.sh --name "$name" jobs/_run_generic.sh --log "$name" --market 24/7 --timeout 3600 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.gap_repair "$which" "$@"
