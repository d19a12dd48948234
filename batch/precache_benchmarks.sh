#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: fetch the benchmarks into the store before the market opens.
# Usage: precache_benchmarks.sh [-h] [OPTION OF THE JOB…]
# Why here: later jobs then find them on this machine, whatever a provider is doing at that moment.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry precache_benchmarks "$@"
exec "$BASH" jobs/run_with_lock.sh --name precache_benchmarks jobs/_run_generic.sh --log precache --guard td \
  --retry-rc 2 --retry-max 1 --retry-sleep 600 --timeout 900 -- jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.precache_benchmarks "$@"
