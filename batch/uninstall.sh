#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: take this clone off the schedule: its crontab lines, user units, environments. Never data.
# Usage: uninstall.sh [-h] [--yes]
# Why outside the chain: it removes what the chain runs with. Any Python 3.11 will do, the clone's own first.
set -eu
unset CDPATH
home=$(cd -P -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=jobs/anywhere.sh
. "$home/jobs/anywhere.sh"
run_anywhere "$home" uninstall "$@"
