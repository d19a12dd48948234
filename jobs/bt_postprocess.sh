#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: compare the latest backtest of a strategy (B) with the one before (A): SAME, or DRIFT and why.
# Usage: bt_postprocess.sh [-h] [STRATEGY | --desk NAME] [OPTION OF THE JOB…]
# STRATEGY is $BT_STRATEGY, else krx_ma200 on a desk of XKRX, else ma_cross. The runs
# backtests/*_STRATEGY are ordered by the timestamp in their names, never by mtime, which a copy or a backup changes. A
# missing manifest.json is filled in. Its output is added to logs/compare_STRATEGY_DATE.log.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./lib.sh"
entry compare_runs "$@"
[[ -t 1 ]] || export NIGHTDESK_ECHO=${NIGHTDESK_ECHO-output} # a person calls it: it prints on a pipe, too
if (($#)) && [[ $1 != -* ]]; then
  STRATEGY=$1 && shift
else
  # shellcheck source=jobs/desk.sh
  . "$ROOT/jobs/desk.sh"
  default_strategy "$@"
  [[ ${1:-} != --desk ]] || shift $(($# > 1 ? 2 : 1)) # which desk only decides the strategy
fi
[[ $STRATEGY =~ ^[A-Za-z][A-Za-z0-9_.-]*$ ]] || die 64 "usage: the name of a strategy, not '$STRATEGY'"
exec "$BASH" jobs/run_with_lock.sh --name "bt_postprocess@$STRATEGY" jobs/_run_generic.sh --log "compare_$STRATEGY" --timeout 300 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.compare_runs --strategy "$STRATEGY" "$@"
