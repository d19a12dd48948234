#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: run one command as a job: guarded by the trading calendar, logged, retried, timed, wholly ended.
# Usage: _run_generic.sh --log NAME [--guard none|td|th] [--market M] [--retry-rc N --retry-max K --retry-sleep S]
#                        [--timeout S] [--brief yes] -- COMMAND [ARG…]
#   --log NAME       append to logs/NAME_YYYY-MM-DD.log; the date is the market's, decided once, at the start
#   --guard td       skip (exit 0) unless today is a trading day of the market; th: unless it is open right now
#   --market M       a calendar in config/calendars (default $MARKET, else XKRX)
#   --retry-rc N     when the command exits with N, try again, at most K more times (1), S seconds apart (60)
#   --brief yes      a run that ends well without output is one line of the log, not two
#   --timeout S      end the command, and all it started, after S seconds a try; the code is then 124
# It decides and then becomes the supervisor; a skip never starts Python.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./lib.sh"

usage() {
  say_help >&2
  die 64 "usage: $1"
}

# whole NAME VALUE: VALUE must be a whole number.
whole() {
  [[ $2 =~ ^[0-9]{1,9}$ ]] || usage "$1 takes a whole number, not '$2'"
}

# guard MODE: 0 to go on, 200 not a trading day, 201 outside trading hours. Sets WHY.
guard() {
  local found opens closes local_open local_close note now=${NIGHTDESK_NOW:-$EPOCHSECONDS}
  [[ $1 != none ]] || return 0 # such a job runs on: the one that brings newer calendars must
  [[ ! $BEYOND ]] || die 78 "$BEYOND"
  # not by a process substitution: bash does not wait for one, and it would hold the lock a moment longer than we do
  found=$(LC_ALL=C grep -e "^$RUN_DATE" -e '^# end ' "$CALENDAR") || true
  [[ $found == *'# end '* ]] || die 78 "'$CALENDAR' is cut off: its last line, '# end …', is missing"
  WHY="$RUN_DATE is not a trading day of $MARKET"
  [[ $found == "$RUN_DATE"* ]] || return 200
  IFS=$'\t' read -r _ opens closes local_open local_close note <<<"$found" || true
  [[ ${closes:-} =~ ^[0-9]+$ && $opens =~ ^[0-9]+$ ]] || die 78 "'$CALENDAR' is damaged at $RUN_DATE"
  WHY="$MARKET trades $local_open to $local_close on $RUN_DATE (${note:-regular})"
  [[ $1 == td ]] || ((now >= opens && now < closes)) || return 201
}

# skip CODE: a normal skip is a line in the log, a line in the history, and exit 0; 73 where their disk does not answer.
skip() {
  local stamp outcome=skip:not-a-session code=0
  [[ $1 == 200 ]] || outcome=skip:outside-hours
  TZ=UTC0 printf -v stamp '%(%Y-%m-%d %H:%M:%S)T' $((${NIGHTDESK_NOW:-$EPOCHSECONDS} + UTC_OFFSET))
  [[ ! -t 1 ]] || printf '[SKIP] %s\n' "$WHY"
  add "$LOG" "$stamp [SKIP] $WHY (guard $GUARD, $1)" || code=73 outcome=fail
  record "${JOB:-$NAME}" "$code" "$outcome" "logs/${LOG##*/}" || code=$?
  [[ ! ${NIGHTDESK_HOLDER:-} ]] || : >"$NIGHTDESK_HOLDER"
  exit "$code"
}

ENDS_AS=${JOB:-} NAME='' GUARD=none MARKET=${MARKET:-XKRX} SUPERVISED=()
while (($#)) && [[ $1 != -- ]]; do
  case $1 in -h | --help) say_help && exit 0 ;; esac
  (($# > 1)) || usage "$1 needs a value, or the -- before the command is missing"
  case $1 in
    --log) NAME=$2 ;;
    --guard) GUARD=$2 ;;
    --market) MARKET=$2 ;;
    --retry-rc | --retry-max | --retry-sleep | --timeout) whole "$1" "$2" && SUPERVISED+=("$1" "$2") ;;
    --brief) [[ $2 == yes ]] || usage "--brief takes yes, not '$2'" && SUPERVISED+=("$1" "$2") ;;
    *) usage "unknown option '$1'" ;;
  esac
  shift 2
done
[[ ${1:-} == -- ]] || usage "the -- before the command is missing"
(($# > 1)) || usage "there is no command after --"
[[ $NAME =~ ^[A-Za-z0-9][A-Za-z0-9._@+-]*$ ]] || usage "--log NAME is needed: letters, digits and ._@+- (not '$NAME')"
[[ $GUARD =~ ^(none|td|th)$ ]] || usage "--guard is none, td or th, not '$GUARD'"
ENDS_AS=${JOB:-$NAME}

export MARKET
market_day "$MARKET"
LOG=$NIGHTDESK_HOME/logs/${NAME}_$RUN_DATE.log
verdict=0 && guard "$GUARD" || verdict=$?
((verdict == 0)) || skip "$verdict"
supervise --log "$LOG" --job "${JOB:-$NAME}" "${SUPERVISED[@]}" "$@"
