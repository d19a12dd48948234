#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: start, watch and stop the process that keeps the paper loops stepping.
# Usage: live.sh up|down|logs|status|run|loop
#   up      a systemd user unit (Restart=on-failure, watchdog) where the user has a manager, else a process of its own
#   run     what `up` starts where there is no manager: the loop, begun again whenever it fails; `loop`: once
# `make live-up`, `make live-logs`, `make live-down` call it; DATA_TAG … in the environment say one loop (no unit then).
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./lib.sh"
cd -- "$ROOT" || die 77 "cannot enter '$ROOT'"
STATE=$NIGHTDESK_HOME/data/live UNIT=nightdesk-live.service
AGAIN_S=5
if [[ ${ROOT%/*} == */releases && -L ${ROOT%/*/*}/current ]]; then # of an environment: units are the user's, this is its name
  project=$(sed -n 's/^COMPOSE_PROJECT_NAME=//p' "${ROOT%/*/*}/.env") UNIT=${project:?"is missing in the environment's .env"}.live.service
fi

managed() { [[ ! ${DATA_TAG:-} ]] && type -P systemctl >/dev/null && systemctl --user show --property=Version >/dev/null 2>&1; }

# supervisor: the pid of `live.sh run`, if it is still that.
supervisor() {
  local pid=''
  { read -r pid <"$STATE/run.pid"; } 2>/dev/null || return 1
  [[ $pid =~ ^[0-9]+$ ]] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'live.sh run' && printf '%s\n' "$pid"
}

up() {
  local pid
  [[ ${DRY_RUN:-1} == @(1|true|yes) ]] || die 78 "DRY_RUN=$DRY_RUN: only paper money exists here; no order leaves this machine. Unset it"
  [[ ! -e $NIGHTDESK_HOME/repos.lock ]] || "$PYTHONBIN" -m pyjobs.repos check >/dev/null || true # it says what is not as pinned
  if managed; then
    "$PYTHONBIN" -m pyjobs.write_units --live >/dev/null || exit
    { systemctl --user daemon-reload && systemctl --user enable --now "$UNIT"; } || die 73 "systemctl --user refused $UNIT"
    printf 'started as %s\n' "$UNIT"
    return
  fi
  if pid=$(supervisor); then
    printf 'running already, pid %s\n' "$pid"
    return
  fi
  mkdir -p -- "$STATE" "$NIGHTDESK_HOME/logs" || die 73 "cannot make '$STATE'"
  setsid "$BASH" jobs/live.sh run </dev/null >/dev/null 2>>"$NIGHTDESK_HOME/logs/live_loop.err" &
  printf 'started, pid %s; make live-logs shows its log\n' "$!"
}

# compiled: what `make eq` compares with is made for this machine now, so that there is no wait for it then.
compiled() { (nice -n 19 "$PYTHONBIN" -m pyjobs.live_eq --compile </dev/null >/dev/null 2>&1 &) }

run() {
  local code held child=''
  (umask 027 && : >>"$STATE/run.pid" && chmod 640 "$STATE/run.pid") || true # who may open it may lock it
  exec {held}>>"$STATE/run.pid" || die 73 "cannot write '$STATE/run.pid'"
  flock -n "$held" || die 75 "the loops are kept already, by pid $(supervisor || true)"
  printf '%d\n' $$ >"$STATE/run.pid" || die 73 "cannot write '$STATE/run.pid'"
  compiled {held}>&-
  trap '[[ ! $child ]] || kill -TERM "$child" 2>/dev/null; DOWN=yes' TERM INT HUP
  DOWN=''
  while [[ ! $DOWN ]]; do
    "$PYTHONBIN" -u -m pyjobs.live_loop >/dev/null {held}>&- &
    child=$! code=0
    wait "$child" || code=$?
    while kill -0 "$child" 2>/dev/null; do wait "$child" && code=0 || code=$?; done # a signal ends a wait early
    [[ $code != 0 && $code != 75 && $code != 78 && $code != 64 && ! $DOWN ]] || break
    sleep "$AGAIN_S" {held}>&- &
    wait "$!" || true
  done
  : >"$STATE/run.pid" # not removed: a lock is of a file, not of a name
}

down() {
  local pid tries=150
  if managed && systemctl --user is-active --quiet "$UNIT"; then
    systemctl --user disable --now "$UNIT" || die 73 "systemctl --user refused to stop $UNIT"
    printf 'stopped\n'
    return
  fi
  pid=$(supervisor) || { printf 'not running\n' && return; }
  kill -TERM "$pid"
  while ((tries--)) && kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  ! kill -0 "$pid" 2>/dev/null || die 1 "pid $pid does not end"
  printf 'stopped\n'
}

case ${1:-} in
  -h | --help) say_help ;;
  up | down | run) "$1" ;;
  logs)
    log=$(printf '%s\n' "$NIGHTDESK_HOME"/logs/live_loop_*.log | tail -n 1)
    [[ -e $log ]] || die 66 "no loop has written a log yet ('$log'): make live-up starts them"
    exec tail -n 50 -F -- "$log"
    ;;
  loop) compiled && exec "$PYTHONBIN" -u -m pyjobs.live_loop ;;
  status) exec "$PYTHONBIN" -m pyjobs.live_loop --status ;;
  *) die 64 "usage: live.sh up|down|logs|status|run|loop" ;;
esac
