#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: backtest a strategy and keep it as a run in backtests/<timestamp>_<strategy>/.
# Usage: run_bt.sh [-h] [--strategy NAME] [OPTION OF THE JOB…]
# Without --strategy it is $BT_STRATEGY, else krx_ma200 on a desk of XKRX, else ma_cross. Each strategy has a lock
# and a log (logs/bt_<strategy>_DATE.log) of its own, so that two of them can run side by side. Compare with the run before: jobs/bt_postprocess.sh.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./lib.sh"
entry run_bt "$@"
[[ -t 1 ]] || export NIGHTDESK_ECHO=${NIGHTDESK_ECHO-output} # a person calls it: it prints on a pipe, too

# strategy_in ARG…: sets STRATEGY to the one that the job will run, and GIVEN when it is among the arguments.
strategy_in() {
  while (($#)); do
    case $1 in
      --strategy) STRATEGY=${2:-} GIVEN=1 ;;
      --strategy=*) STRATEGY=${1#*=} GIVEN=1 ;;
    esac
    shift
  done
}

STRATEGY='' GIVEN=''
strategy_in "$@"
if [[ ! $GIVEN ]]; then
  # shellcheck source=jobs/desk.sh
  . "$ROOT/jobs/desk.sh"
  default_strategy "$@"
fi
[[ $STRATEGY =~ ^[A-Za-z][A-Za-z0-9_.-]*$ ]] || die 64 "usage: --strategy takes the name of a strategy, not '$STRATEGY'"
[[ $GIVEN ]] || set -- --strategy "$STRATEGY" "$@"
exec "$BASH" jobs/run_with_lock.sh --name "run_bt@$STRATEGY" jobs/_run_generic.sh --log "bt_$STRATEGY" --timeout 14400 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.run_bt "$@"
