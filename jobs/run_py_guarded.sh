#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: run a command; when what failed is the outside world's data, print the skip line and exit 0.
# Usage: run_py_guarded.sh COMMAND [ARG…]
# Our own jobs (python -m pyjobs.…) report it by exit code 69, and nothing is read from their output. For any other program
# jobs/judge decides: by its exit code, the class of its last error, then its words. Then one line is printed,
# [SKIP] external-data-unavailable (guarded); every other exit code passes unchanged. All of it is the supervisor's work.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./lib.sh"

case ${1:-} in
  '') die 64 "usage: run_py_guarded.sh COMMAND [ARG…]" ;;
  -h | --help) say_help && exit 0 ;;
esac
[[ $PPID != "${SUPERVISOR_PID:-}" ]] || exec "$@" # the supervisor above knows by this name that it decides
supervise --guard 1 -- "$@"
