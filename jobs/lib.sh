# shellcheck shell=bash
# Summary: what every link of the chain shares. Sourced, never run.
# Sets ROOT (the clone). The first link of a chain also reads enter.sh, which sets the environment a job sees.

if [ -z "${BASH_VERSINFO:-}" ] || [ "${BASH_VERSINFO[0]}${BASH_VERSINFO[1]}" -lt 44 ]; then
  printf '%s: this bash is %s; nightdesk needs 4.4 or newer (put a newer one first on PATH)\n' \
    "$0" "${BASH_VERSION:-unknown}" >&2
  exit 78
fi
set -euo pipefail
shopt -s inherit_errexit

# die CODE PROBLEM…: print what is wrong on stderr, and show by the code where the fault lies; the end of a job is recorded, too.
die() {
  printf '%s: %s\n' "${0##*/}" "${*:2}" >&2
  local job=${ENDS_AS:-} line
  [[ $job || /$0 != */batch/*.sh ]] || while IFS= read -r line; do # before any link knew which job this is
    [[ ! $line =~ ' --name '([a-z_]+) ]] || job=${BASH_REMATCH[1]}
  done <"$0"
  [[ ! $job || ! ${NIGHTDESK_HOME:-} ]] || record "$job" "$1" fail '' || true
  [[ ! ${NIGHTDESK_HOLDER:-} ]] || : >"$NIGHTDESK_HOLDER"
  exit "$1"
}

# say_help: the header comment of the running script is its help text.
say_help() {
  local line
  while IFS= read -r line && [[ $line == [#[]* ]]; do
    if [[ $line == '# '* && $line != '# shellcheck'* ]]; then printf '%s\n' "${line:2}"; fi
  done <"$0"
}

# entry VERB ARG…: how every entry point in batch/ begins: its help when asked, the root as working folder.
entry() {
  if [[ ${2:-} == -h || ${2:-} == --help ]]; then
    say_help && cd -- "$ROOT" && exec "$PYTHONBIN" -m "pyjobs.$1" --help
  fi
  cd -- "$ROOT" || die 77 "cannot enter '$ROOT'"
}

# market_day MARKET: sets CALENDAR and UTC_OFFSET, and (once for the whole chain) RUN_DATE, the market's own date.
# BEYOND holds the problem when the calendar does not cover that date: the caller must refuse then.
market_day() {
  local line first='' last='' at=${NIGHTDESK_NOW:-$EPOCHSECONDS}
  CALENDAR=$ROOT/config/calendars/${1//\//-}.tsv UTC_OFFSET=''
  [[ -r $CALENDAR ]] || die 78 "unknown market ${1@Q} (\$MARKET or --market): there is no ${CALENDAR@Q}"
  while IFS= read -r line && [[ $line == '# '* ]]; do
    case $line in
      '# covers '*) line=${line#'# covers '} first=${line% *} last=${line#* } ;;
      '# offset '*) line=${line#'# offset '} && ((${line% *} > at)) || UTC_OFFSET=${line#* } ;;
    esac
  done <"$CALENDAR"
  [[ $UTC_OFFSET && $first ]] || die 78 "'$CALENDAR' is damaged: its '# covers' or '# offset' line is missing"
  [[ ${RUN_MARKET:-} == "$1" ]] || TZ=UTC0 printf -v RUN_DATE '%(%Y-%m-%d)T' $((at + UTC_OFFSET))
  export RUN_DATE UTC_OFFSET RUN_MARKET=$1
  BEYOND=''
  # shellcheck disable=SC2034  # _run_generic.sh reads it
  [[ ! $RUN_DATE < $first && ! $RUN_DATE > $last ]] || BEYOND="the calendar of $1 covers $first to $last, not $RUN_DATE: \
update nightdesk, or build newer calendars (python -m pyjobs.build_calendars)"
}

# record JOB CODE OUTCOME LOG: add a line to logs/history.jsonl for a run that ended before the supervisor started.
record() {
  local file=$NIGHTDESK_HOME/logs/history.jsonl instance=${1#"${1%%@*}"} now=${NIGHTDESK_NOW:-}
  [[ $now && $now != *[!0-9]* && ${#now} -le 12 ]] || now=$EPOCHSECONDS
  umask 027 # whoever calls this ends right after it
  printf -v now '"session":"%s","start":%d,"end":%d,"attempts":0,"code":%d' "${RUN_DATE:-}" "$now" "$now" "$2"
  now="{\"job\":\"${1%%@*}\",\"instance\":\"${instance#@}\",$now,\"outcome\":\"$3\",\"log\":\"$4\"}"
  add "$file" "$now" || add "$NIGHTDESK_HOME/.locks/history.jsonl" "$now" # the next job brings it from there
}

# supervise ARG…: become the supervisor (jobs/supervise.py, imported, so that its compiled form is kept).
supervise() {
  LC_ALL=C.UTF-8 exec "$PYTHONBIN" -I -S -c 'import sys; sys.path[:0] = [sys.argv[1] + "/jobs", sys.argv[1]]; import supervise
sys.exit(supervise.main(sys.argv[2:]))' "$ROOT" "$@"
}

unset CDPATH # only the entry points in batch/ move to the root
cd -P -- "${BASH_SOURCE[0]%/*}/.." && ROOT=$PWD && { cd -- "$OLDPWD" 2>/dev/null || true; }
# shellcheck source=jobs/add.sh
. "${ROOT:?}/jobs/add.sh"
# shellcheck source=jobs/enter.sh
[[ ${NIGHTDESK_ENTERED:-} == "$ROOT" ]] || . "$ROOT/jobs/enter.sh"
