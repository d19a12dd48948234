#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: is all quiet because all is well, or because it is broken?
# Usage: run_healthcheck.sh [-h] [OPTION OF THE JOB…]
# Why here: skips look like success to cron; this one counts them, and the age of the data behind them. What --json 1
# asks for is printed without a terminal, too: a monitor reads it.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}../jobs/lib.sh"
entry healthcheck "$@"
case " $* " in *' --json 1 '* | *' --json=1 '*) export NIGHTDESK_ECHO=output ;; esac
exec "$BASH" jobs/run_with_lock.sh --name healthcheck jobs/_run_generic.sh --log healthcheck --timeout 300 -- \
  jobs/run_py_guarded.sh "$PYTHONBIN" -u -m pyjobs.healthcheck "$@"
