#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: fetch finished runs from the server to this machine (a laptop: bash 3.2 will do), verified, then renamed.
# Usage: REMOTE=user@host REMOTE_ROOT=/path/to/nightdesk/data/server_runs [SSH_PORT=22] fetch_runs.sh [-h] [--dry-run]
#                      [--since DATE] [--prune-local]
# Why outside the chain: it runs where the server's jobs do not, on a Mac too, whose bash has no flock and no $EPOCHSECONDS.
# It needs rsync (Apple's will do), ssh with a key that needs no prompt (in an agent, or without a passphrase), and a
# Python 3.11 or newer; no package.
set -eu
unset CDPATH
home=$(cd -P -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=jobs/anywhere.sh
. "$home/jobs/anywhere.sh"
run_anywhere "$home" fetch_runs "$@"
