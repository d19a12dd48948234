# shellcheck shell=bash
# Summary: make the environment the same from cron, systemd and a terminal. Sourced by lib.sh in the first link of a chain.

# source_env FILE: a config file is shell; a mistake in it is named.
source_env() {
  [[ -e $1 ]] || return 0
  # shellcheck disable=SC1090  # the user's own file, known at run time only
  . "$1" || die 78 "'$1' failed: it must be valid bash (try: bash -n '$1')"
}

# find_python: an absolute interpreter; a version manager's shim on PATH would cost 80 ms a start.
find_python() {
  local given=${PYTHONBIN:-} venv
  for venv in .venv venv; do
    [[ $given || ! -x $ROOT/$venv/bin/python ]] || given=$ROOT/$venv/bin/python
  done
  [[ $given == /* ]] || given=$(type -P -- "${given:-python3}") || given=
  [[ -f $given && -x $given ]] || die 78 "no Python at PYTHONBIN='${PYTHONBIN:-}' (from config/env.nas.sh," \
    "config/env.local.sh or the crontab), in '$ROOT/.venv' or on PATH: run 'make setup', or mend PYTHONBIN"
  PYTHONBIN=$given
}

PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export NIGHTDESK_ENTERED=$ROOT NIGHTDESK_HOME=${NIGHTDESK_HOME:-$ROOT}
source_env "$ROOT/config/env.nas.sh"
source_env "$ROOT/config/env.local.sh"
find_python
umask 022
{ export LC_ALL=C.UTF-8; } 2>/dev/null
export PATH PYTHONBIN TZ=UTC0 PYTHONUTF8=1
unset RUN_MARKET
