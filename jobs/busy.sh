# shellcheck shell=bash
# Summary: what run_with_lock.sh needs to know of a held lock: its holder, and the market of the day. Sourced, never run.

# market_in ARG…: sets MARKET to the value of --market in a runner's command line; without one it stays as it is.
market_in() {
  while (($# > 1)) && [[ $1 != -- ]]; do
    [[ $1 != --market ]] || export MARKET=$2
    shift
  done
}

# holds PID FILE: whether that process has the file open; of another user's process, whether it lives at all.
holds() {
  [[ $1 =~ ^[0-9]+$ && -d /proc/$1 ]] || return 1
  [[ -r /proc/$1/fd ]] || return 0 # another user's
  local fd
  for fd in "/proc/$1/fd/"*; do [[ ! $fd -ef $2 ]] || return 0; done
  return 1
}

# stuck: which processes of a run that is over keep its lock, since nothing can end them; nothing while it runs, or once
# they have ended. Every start that is refused notes it again: the first line has since when, the last one who.
stuck() {
  local word at named since='' left='' lives=''
  while IFS=$'\t' read -r word at named; do
    [[ $word != stuck ]] || since=${since:-$at} left=$named
  done < <([[ ! -f $HOLDER ]] || cat -- "$HOLDER")
  for word in ${left//[*?[]/}; do [[ $word == *[!0-9]* || ! -e /proc/$word ]] || lives=1; done
  [[ ! $lives ]] || printf '; that run is over, but since %(%F %T)T UTC no signal ends %s: it waits for a disk or a %s' \
    "$since" "$left" "server that does not answer (mount, dmesg): mend that, or restart the machine; the lock is free as soon as it has ended"
}
