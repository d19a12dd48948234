#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: push the code of this clone to another machine: dry run first, a question, then sent, put in place, verified.
# Usage: TARGET=user@host:/path/to/nightdesk [SSH_PORT=22] deploy.sh [-h] [--dry-run] [--yes] [--new] [--restart]
# Why outside the chain: it runs where the code is written, on a Mac too. Only committed files travel, where they differ;
# nothing is deleted there; .env, data/, secret/ and the desk are the target's own. It needs what fetch_runs.sh needs, and git.
set -eu
unset CDPATH
home=$(cd -P -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=jobs/anywhere.sh
. "$home/jobs/anywhere.sh"
run_anywhere "$home" deploy "$@"
