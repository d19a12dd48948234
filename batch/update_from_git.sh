#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: bring this clone up to what its remote has, fast-forward only; packages anew when their pins have changed.
# Usage: update_from_git.sh [-h]
# Why here: what cannot be a plain step forward (local edits, a detached head, a branch that has gone its own way) is
# refused by name, with the one line that mends it, and the head stays where it was. It asks nobody for a password.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
case ${1:-} in -h | --help) say_help && exit 0 ;; esac
(($# == 0)) || die 64 "usage: update_from_git.sh takes nothing, not '$1' (see -h)"
cd -- "$ROOT" || die 77 "cannot enter '$ROOT'"
exec "$BASH" jobs/run_with_lock.sh --name update_from_git jobs/_run_generic.sh --log update --timeout 3600 -- jobs/pull.sh
