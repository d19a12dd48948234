# shellcheck shell=bash
# What every job on this machine sees. Your own values go into config/env.local.sh, which git ignores and which is read
# after this file, so that update_from_git.sh never meets a local change here.

: "${ENV:=nas}"           # a name for this machine, with which alerts begin
: "${ALLOW_NET_FETCH:=1}" # 0: no job asks a provider on the network
: "${RETRY_BUDGET_S:=30}" # seconds a job loses at providers in waiting and failing; below the shortest interval of the crontab
: "${MARKET:=XKRX}"       # the calendar of jobs that do not name one
: "${LOCK_BUSY_RC:=0}"    # what cron sees when a job is still running; 75 to be told
: "${TERM_GRACE_S:=5}"    # seconds between SIGTERM and SIGKILL
: "${KEEP_DAYS:=30}"      # nightly runs older than this are pruned
: "${KEEP_MAX_RUNS:=120}" # and of those, all but so many
: "${KEEP_LOG_DAYS:=90}"  # dated logs older than this are pruned, and a history that was set aside
# megabytes of data/cache that a prune leaves: the oldest go first, and are made anew when they are needed
: "${KEEP_CACHE_MB:=2000}"
export ENV ALLOW_NET_FETCH RETRY_BUDGET_S MARKET LOCK_BUSY_RC TERM_GRACE_S KEEP_DAYS KEEP_MAX_RUNS KEEP_LOG_DAYS KEEP_CACHE_MB
# export PYTHONBIN=/path/to/python   # default: .venv/bin/python of the clone, then python3
