#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: one line on what became of a job: ran, skipped because, busy, failed, running, killed, or never started.
# Usage: why.sh JOB [DATE]
# JOB is a name from config/jobs.yaml, job@instance, or the name of its log; DATE is YYYY-MM-DD at the job's market.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./lib.sh"
entry why "$@"
exec "$PYTHONBIN" -m pyjobs.why "$@"
