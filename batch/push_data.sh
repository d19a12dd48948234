#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: send bars that this machine (a laptop: bash 3.2 will do) has fetched to the server, verified and added there.
# Usage: TARGET=user@host:/path/to/nightdesk [SSH_PORT=22] push_data.sh [-h] [--dry-run] [--exchange NAME]
# Why outside the chain: it runs where the server's jobs do not, on a Mac too, whose bash has no flock and no $EPOCHSECONDS.
# It needs rsync (Apple's will do), ssh with a key that needs no prompt (in an agent, or without a passphrase), and a
# Python 3.11 or newer; no package.
set -eu
unset CDPATH
home=$(cd -P -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=jobs/anywhere.sh
. "$home/jobs/anywhere.sh"
run_anywhere "$home" push_data "$@"
