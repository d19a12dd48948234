#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: run a script unless it is already running.
# Usage: run_with_lock.sh [--name NAME] SCRIPT [ARG…]
# The lock is .locks/NAME.lock; without --name it is named after the script (after --log, for the generic runner), so
# that two jobs never share one. Arguments reach SCRIPT untouched. When the lock is held, this names the holder and exits
# with $LOCK_BUSY_RC (0 unless set). Lock files are never deleted: a deleted one could be locked twice.
# The lock passes, as an open file, to the supervisor, and no further: a leaked daemon cannot hold it.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./lib.sh"

# lock_name SCRIPT ARG…: the lock's name where --name is not given.
lock_name() {
  local script=$1
  if [[ ${script##*/} == _run_generic.sh ]]; then
    while (($# > 1)) && [[ $1 != --log && $1 != -- ]]; do shift; done
    [[ $1 == --log ]] || die 64 "usage: _run_generic.sh needs --log NAME (or give run_with_lock.sh a --name)"
    NAME=$2
  elif [[ $script == "$ROOT"/batch/* ]]; then
    NAME=${script##*/} NAME=${NAME%.sh}
  else
    NAME=$script
  fi
}

# take_lock: open, lock, and make sure that what is locked is still what the name means. 1: another run holds it.
take_lock() {
  local rc
  while { exec {LOCK_FD}<>"$LOCK"; } 2>/dev/null || die 73 "cannot open lock file '$LOCK' for writing"; do
    rc=0
    LC_ALL=C flock -n -E 75 "$LOCK_FD" || rc=$?
    ((rc == 0 || rc == 75)) || die 73 "cannot lock '$LOCK' (flock exit $rc): .locks must be on a local disk, and \
flock must know -E (util-linux's does, BusyBox's may not)"
    [[ $LOCK -ef /dev/fd/$LOCK_FD ]] || continue
    return "$rc"
  done
}

# say_holder: who holds the lock: pid, since when, what. The winner writes its line right after locking: wait for it.
say_holder() {
  local pid='' since='' what='' tries=25 inode where
  while ((tries--)); do
    [[ -p $HOLDER ]] || { IFS=$'\t' read -r pid since what <"$HOLDER"; } 2>/dev/null || true
    ! holds "$pid" "$LOCK" || break
    pid='' since=''
    sleep 0.02
  done
  if [[ ! $pid ]]; then # not ours: a Python filelock, or flock by hand
    inode=$(ls -i -- "$LOCK") inode=${inode%% *}
    while read -r _ _ _ _ pid where _ && [[ $where != *:"$inode" ]]; do pid=''; done </proc/locks
    what=$(tr '\0' ' ' 2>/dev/null <"/proc/${pid:-none}/cmdline") || what='a process this user cannot see'
  fi
  printf 'run_with_lock.sh: busy: %s is held by pid %s%s: %s%s\n' \
    "'$NAME'" "${pid:-unknown}" "${since:+ for $((${NIGHTDESK_NOW:-$EPOCHSECONDS} - since)) s}" "$what" "$(stuck)" >&2
}

# end_survivors: the last run was killed together with its supervisor. What is left of it is ended before a new one.
end_survivors() {
  "$PYTHONBIN" -I -S -c 'import sys; sys.path[:0] = [sys.argv[1] + "/jobs", sys.argv[1]]; import survivors
sys.exit(survivors.main(sys.argv[2:]))' "$ROOT" "$MARK" "$HOLDER" {LOCK_FD}>&- ||
    die 75 "'$NAME': what is left of the last run cannot be ended; not starting. It waits for a disk or a server that \
does not answer (mount, dmesg): mend that, or restart the machine; the next start then goes on"
}

NAME=''
case ${1:-} in
  -h | --help) say_help && exit 0 ;;
  --name) NAME=${2:?"usage: --name needs a NAME"} && shift 2 ;;
  --name=*) NAME=${1#*=} && shift ;;
  --) shift ;;
  -*) die 64 "usage: unknown option '$1' (see -h)" ;;
esac
(($#)) || die 64 "usage: run_with_lock.sh [--name NAME] SCRIPT [ARG…]"
[[ $NAME ]] || lock_name "$@"
NAME=${NAME//%/%25} NAME=${NAME//\//%2F} NAME=${NAME//[^A-Za-z0-9._@+%-]/_}
ENDS_AS=$NAME LOCK=$NIGHTDESK_HOME/.locks/$NAME.lock HOLDER=$NIGHTDESK_HOME/.locks/$NAME.holder MARK="nightdesk-run:$LOCK:"
type -P flock >/dev/null || die 78 "flock is not installed (util-linux, or a BusyBox with it): no job may run without its lock"
[[ -d ${LOCK%/*} ]] || (umask 027 && mkdir -p -- "${LOCK%/*}") || die 73 "cannot make '${LOCK%/*}'"
if ! take_lock; then
  # shellcheck source=jobs/busy.sh
  . "$ROOT/jobs/busy.sh"
  say_holder
  MARKET=${MARKET:-XKRX} && market_in "$@" && market_day "$MARKET"
  record "$NAME" "${LOCK_BUSY_RC:-0}" skip:busy ""
  exit "${LOCK_BUSY_RC:-0}"
fi
[[ ! -s $HOLDER || -p $HOLDER ]] || end_survivors
[[ ! -p $HOLDER ]] || die 73 "'$HOLDER' is a pipe, not a file: remove it"
printf '%d\t%d\t%s\n' $$ "${NIGHTDESK_NOW:-$EPOCHSECONDS}" "${*@Q}" 2>/dev/null >"$HOLDER" || true
export JOB=$NAME NIGHTDESK_LOCK_FD=$LOCK_FD NIGHTDESK_HOLDER=$HOLDER NIGHTDESK_RUN=$MARK
case $1 in
  */_run_generic.sh) LC_ALL=C exec "$BASH" "$@" ;; # what it reads is ASCII; the supervisor has UTF-8 again
  *) supervise -- "$@" ;;
esac
