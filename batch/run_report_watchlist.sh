#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: the morning report on the watchlist.
# Usage: run_report_watchlist.sh [-h] [--guard none|td] [--desk NAME] [OPTION OF THE JOB…]
# Why here: secret/watchlist.yaml wins over config/watchlist.yaml; every day, also when markets are closed, unless
# --guard td comes first.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry report_watchlist "$@"
# shellcheck source=jobs/desk.sh
. "$ROOT/jobs/desk.sh"
GUARD=none
case ${1:-} in
  --guard) GUARD=${2:-} && shift $(($# > 1 ? 2 : 1)) ;;
  --guard=*) GUARD=${1#*=} && shift ;;
esac
desk_in "$@"
[[ $GUARD == none ]] || guarded_desk
exec "$BASH" jobs/run_with_lock.sh --name report_watchlist"$DESK" jobs/_run_generic.sh --log watchlist"$DESK" --guard "$GUARD" --timeout 900 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.report_watchlist --date auto "$@"
