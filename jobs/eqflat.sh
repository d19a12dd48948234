#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: backtest a paper loop from its first decision on, and report whether both decided the same.
# Usage: eqflat.sh TAG
# SYMBOL and TIMEFRAME name the loop, where the tag has several. Ends with 0 on PASS, 65 on FAIL. `make eqflat` calls it.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./lib.sh"
case ${1:-} in -h | --help) say_help && exit 0 ;; esac
(($# == 1)) && [[ $1 ]] || die 64 "usage: eqflat.sh TAG (DATA_TAG=… make eqflat)"
cd -- "$ROOT" || die 77 "cannot enter '$ROOT'"
TZ=UTC0 printf -v RUNID 'eqflat_%(%Y%m%d_%H%M%S)T' "${NIGHTDESK_NOW:-$EPOCHSECONDS}"
export DATA_TAG=$1 RUNID
unset START_TS_MS END_TS_MS # from the first live decision to the last: live_backtest's own default
"$PYTHONBIN" -m pyjobs.live_backtest || exit
exec "$PYTHONBIN" -m pyjobs.live_eq
