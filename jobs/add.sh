# shellcheck shell=bash
# Summary: add a line to a file whose disk may never answer, and begin nothing without one's locks. Sourced by lib.sh, never run.

PATIENCE_S=30 NEAR=''

# add FILE LINE: to its end; where that cannot be, as with a pipe in its place, it costs one line of stderr. On a disk of
# its own a process tries it that has neither lock nor output of ours (a millisecond): no answer is 73, after a while.
add() {
  local told=0
  if far "$1"; then
    read -r -t "$PATIENCE_S" told < <(exec 2>/dev/null && unlocked && put "$@" && echo 0 || echo 1) || told=73
  else
    put "$@" 2>/dev/null || told=1
  fi
  ((told)) || return 0
  if ((told == 1)); then
    printf '%s: cannot add to %s\n' "${0##*/}" "$1" >&2
  else
    printf '%s: cannot add to %s: its disk or server has not answered for %s s (mount, dmesg): mend that\n' "${0##*/}" "$1" "$PATIENCE_S" >&2
    PATIENCE_S=3 # what comes after is most likely on the same one
    return 73
  fi
}

put() {
  { [[ -d ${1%/*} ]] || mkdir -p -- "${1%/*}"; } && [[ ! -p $1 ]] && printf '%s\n' "$2" >>"$1"
}

unlocked() {
  [[ ! ${NIGHTDESK_LOCK_FD:-} ]] || exec {NIGHTDESK_LOCK_FD}>&-
}

# must_answer HOME: end with 73 where its locks lie on a disk of its own that does not answer; what asks it is left behind.
must_answer() {
  ! NIGHTDESK_HOME=$1 far "$1/.locks/x" || read -r -t "$PATIENCE_S" _ < <(exec 2>/dev/null && { [[ -d $1/.locks ]] || true; } && echo) ||
    die 73 "'$1/.locks' has not answered for $PATIENCE_S s: the disk or server that it lies on is away (mount, dmesg); \
mend that. The job was not started"
}

# far FILE: it lies behind a link, or on a mount below the code's folder, or outside: it may be away when the code is not.
far() {
  local folder=${1%/*} below=${1#"${NIGHTDESK_HOME:-}"/} lines mounts
  [[ $folder != "$NEAR" ]] || return 1 # most look twice at one
  [[ $below != "$1" ]] && mapfile -t lines </proc/self/mountinfo || return 0
  mounts=${lines[*]}
  while [[ $folder && $folder != "$ROOT" ]]; do
    [[ $mounts != *" ${folder// /\\040} "* ]] || return 0
    folder=${folder%/*}
  done
  [[ ! -L $NIGHTDESK_HOME/${below%%/*} ]] || return 0 # last: of a mount, it would wait for its server
  NEAR=${1%/*}
  return 1
}
