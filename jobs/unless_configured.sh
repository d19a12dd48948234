# shellcheck shell=bash
# Summary: what ends a job of all instances where none is configured. Sourced, never run: the guards' links need it not.

# unless_configured JOB: end here, well, where no instance is configured; the day's log shows it once.
unless_configured() {
  local folder found stamp log
  for folder in "$NIGHTDESK_HOME/secret" "$NIGHTDESK_HOME/config" "${XDG_CONFIG_HOME:-${HOME:-}/.config}/nightdesk"; do
    for found in "$folder"/instances/*.env; do [[ ! -e $found ]] || return 0; done
  done
  market_day 24/7 && log=$NIGHTDESK_HOME/logs/$1_$RUN_DATE.log
  [[ ! -f $log ]] || ! grep -q -F '[SKIP] no instance is configured' "$log" || exit 0
  TZ=UTC0 printf -v stamp '%(%Y-%m-%d %H:%M:%S)T' "$EPOCHSECONDS"
  add "$log" "$stamp [SKIP] no instance is configured: nothing to do (python -m pyjobs.bootstrap_symbols makes some)"
  record "$1" 0 ok "logs/${log##*/}"
  exit 0
}
