#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: bring this clone up to what its remote has, one plain step forward; or back again.
# Usage: update_from_git.sh [-h] [--check | --to TAG | --rollback | --finish]
#   --check      say what would come; nothing here changes
#   --to TAG     step forward to a tag, not to the newest commit
#   --rollback   back to the version before the last update: no network, packages of then
#   --finish     end a switch that was interrupted (every job does that by itself)
# Why here: the new version and its packages are made next to the old ones and rehearse a night before they take their place.
# What is no plain step forward is refused by name, with the one line that mends it. It prompts for no password.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
case ${1:-} in -h | --help) say_help && exit 0 ;; esac
cd -- "$ROOT" || die 77 "cannot enter '$ROOT'"
export NIGHTDESK_CODE=free # a job holds the code; this one waits until none does
[[ ! -t 1 && ${1:-} != --check ]] || export NIGHTDESK_ECHO=${NIGHTDESK_ECHO:-output}
exec "$BASH" jobs/run_with_lock.sh --name update_from_git jobs/_run_generic.sh --log update --timeout 7200 -- \
  "$PYTHONBIN" -I -S -u jobs/update "$@"
