# shellcheck shell=bash
# Summary: run a verb on a machine where no job runs: a laptop, a Mac (bash 3.2, no flock, no $EPOCHSECONDS).
# Sourced by the files of batch/ that run outside the chain.

# run_anywhere CLONE VERB ARGUMENTS: replace this shell by `python -m pyjobs.VERB ARGUMENTS`, run by the first Python
# here that is new enough; 78 without one.
run_anywhere() {
  local home=$1 verb=$2 python found=''
  shift 2
  case ${1:-} in -h | --help) sed -n '/^# Summary: /,/^[^#]/s/^# //p' "$0" | grep -v '^shellcheck ' ;; esac
  for python in "${PYTHONBIN:-}" "$home/.venv/bin/python" python3.14 python3.13 python3.12 python3.11 python3 /opt/homebrew/bin/python3; do
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      found=$python
      break
    fi
  done
  if [ -z "$found" ]; then
    printf '%s.sh: no Python 3.11 or newer here: brew install python, or make setup, or PYTHONBIN=/path/to/python3\n' "$verb" >&2
    exit 78
  fi
  export NIGHTDESK_HOME="${NIGHTDESK_HOME:-$home}" PYTHONUTF8=1
  cd -- "$home" || exit 78
  exec "$found" -u -m "pyjobs.$verb" "$@"
}
