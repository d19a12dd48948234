#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: run a command; when what failed is the outside world's data, say so and exit 0.
# Usage: run_py_guarded.sh COMMAND [ARG…]
# Our own jobs (python -m pyjobs.…) report the class of their failure: exit 69 is external, and nothing is read from
# their output. Any other program is judged by jobs/judge: its exit code, the class of its last error, then its words. An external
# failure prints one line, [SKIP] external-data-unavailable (guarded); every other exit code passes unchanged.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./lib.sh"

case ${1:-} in
  '') die 64 "usage: run_py_guarded.sh COMMAND [ARG…]" ;;
  -h | --help) say_help && exit 0 ;;
esac
[[ " $* " != *' -m pyjobs.'* ]] || ours=1
[[ ${ours:-} || $PPID == "${SUPERVISOR_PID:-}" ]] || supervise --judge 1 -- "$@"

(trap - INT QUIT && exec "$@") <&0 & # bash would have it ignore both
child=$! code=0
# pass_on SIGNAL: right below a supervisor, leave the stopping to it: it reaches every process, once, and insists.
pass_on() {
  if [[ $PPID == "${SUPERVISOR_PID:-}" ]]; then
    kill "-$1" "$PPID" 2>/dev/null
  else
    kill "-$1" "$child" 2>/dev/null
    (sleep "${TERM_GRACE_S:-5}" && kill -KILL "$child") 2>/dev/null &
  fi || true
}
trap 'pass_on TERM' TERM
trap 'pass_on INT' INT
trap 'pass_on HUP' HUP
wait "$child" || code=$?
while kill -0 "$child" 2>/dev/null; do # a trapped signal ends wait, not the child: its own code is what counts
  code=0 && wait "$child" || code=$?
done
if [[ ! ${ours:-} ]]; then # the supervisor has seen the output: it is the judge
  ((code == 0)) || printf '{"judge":1}\n' >&"$OUTCOME_FD" || true
  exit "$code"
fi
((code == 69)) || exit "$code"
printf '[SKIP] external-data-unavailable (guarded)\n'
[[ ! ${OUTCOME_FD:-} ]] || printf '{"guarded":1}\n' >&"$OUTCOME_FD" || true
