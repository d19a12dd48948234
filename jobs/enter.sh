# shellcheck shell=bash
# Summary: make the environment the same from cron, systemd and a terminal. Sourced by lib.sh in the first link of a chain.

NIGHTDESK_HOME=${NIGHTDESK_HOME:-$ROOT} ANSWERS=$NIGHTDESK_HOME
must_answer "$ANSWERS"
# An update is at work on this clone, or was killed at it: its own program waits for it, or ends it, and the job starts
# again, from the files that are there then. (The update itself does that in another way.)
if [[ -e $ROOT/.locks/update.plan ]]; then
  ((${NIGHTDESK_CODE_AGAIN:-0} < 4)) || die 78 "an update was interrupted and cannot be finished: run batch/update_from_git.sh --finish"
  for python in "$ROOT/.venv/bin/python" python3 "${PYTHONBIN:-}"; do
    [[ ! $python ]] || ! "$python" -I -S "$ROOT/.locks/update.py" "$ROOT" || break
  done
  export NIGHTDESK_CODE_AGAIN=$((${NIGHTDESK_CODE_AGAIN:-0} + 1))
  exec "$BASH" "$0" "$@"
fi

# source_env FILE: a config file is shell; a mistake in it is named.
source_env() {
  local lines
  [[ -e $1 ]] || return 0
  [[ -r $1 ]] || die 77 "'$1' cannot be read by this user"
  mapfile lines <"$1" # read -d '' would read byte by byte
  [[ ${lines[*]} != *$'\r'* ]] || die 78 "'$1' has Windows line ends; mend it: tr -d '\\r' <'$1' >'$1.new' && mv '$1.new' '$1'"
  # shellcheck disable=SC1090  # the user's own file, known at run time only
  . "$1" || die 78 "'$1' failed: it must be valid bash (try: bash -n '$1')"
}

# value NAME CHARACTERS LONGEST WHAT: it may hold nothing else, one point at most, and no more; unset or empty is fine.
value() {
  local given=${!1:-}
  [[ $given == *[!$2]* || $given == *.*.* || $given == . || ${#given} -gt $3 ]] || return 0
  die 78 "$1=${given@Q} is not $4 (set in config/env.local.sh, the crontab or the shell)"
}

# check_values: a wrong word in the environment is named here, once, not where it is used. Patterns: a regex costs more.
check_values() {
  local name given busy=${LOCK_BUSY_RC:-0}
  value NIGHTDESK_NOW 0-9 11 "UTC seconds since 1970, such as of: date -u --date '2026-11-27 18:10 +0900' +%s"
  for name in TERM_GRACE_S RETRY_BUDGET_S STEP_LIMIT_S; do value "$name" 0-9. 9 "a number of seconds"; done
  value NEXT_START 0-9. 20 "UTC seconds since 1970"
  for name in KEEP_DAYS KEEP_MAX_RUNS KEEP_LOG_DAYS KEEP_PLAIN_LOG_DAYS KEEP_CACHE_MB PRUNE_MAX_SHARE; do
    given=${!name:-}
    [[ $given != *[!0-9]* && ${#given} -le 9 ]] || value "$name" 0-9 9 "a whole number"
  done
  value MARKET A-Za-z0-9/_- 32 "the name of a calendar in config/calendars, such as XKRX"
  [[ $busy != *[!0-9]* && ${#busy} -le 3 && $((10#$busy)) -le 255 ]] ||
    die 78 "LOCK_BUSY_RC=${busy@Q} is not an exit code (0 to 255; set in config/env.local.sh, the crontab or the shell)"
  case ${ALLOW_NET_FETCH:-1} in 0 | 1 | no | yes | false | true | off | on) ;; *)
    die 78 "ALLOW_NET_FETCH=${ALLOW_NET_FETCH@Q} is not 0 or 1 (set in config/env.local.sh, the crontab or the shell)"
    ;;
  esac
}

# find_python: an absolute interpreter; a version manager's shim on PATH would cost 80 ms a start.
find_python() {
  local given=${PYTHONBIN:-} venv
  for venv in .venv venv; do
    [[ ! $given && (-e $ROOT/$venv || -L $ROOT/$venv) ]] || continue
    given=$ROOT/$venv/bin/python
    [[ -f $given && -x $given ]] || die 78 "'$ROOT/$venv' has no Python that runs (a dangling link, or rights): run 'make setup'"
  done
  [[ $given == /* ]] || given=$(type -P -- "${given:-python3}") || given=
  [[ -f $given && -x $given ]] || die 78 "no Python at PYTHONBIN='${PYTHONBIN:-}' (from config/env.nas.sh," \
    "config/env.local.sh or the crontab), in '$ROOT/.venv' or on PATH: run 'make setup', or mend PYTHONBIN"
  PYTHONBIN=$given
}

PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export NIGHTDESK_ENTERED=$ROOT NIGHTDESK_HOME
source_env "$ROOT/config/env.nas.sh"
source_env "$ROOT/config/env.local.sh"
check_values
find_python
[[ $NIGHTDESK_HOME == "$ANSWERS" ]] || must_answer "$NIGHTDESK_HOME"
umask 022
{ export LC_ALL=C.UTF-8; } 2>/dev/null
export PATH PYTHONBIN TZ=UTC0 PYTHONUTF8=1
unset RUN_MARKET
