# shellcheck shell=bash
# What every job on this machine sees. Your own values go into config/env.local.sh, which git ignores and which is read
# after this file, so that update_from_git.sh never meets a local change here.

: "${ENV:=nas}"            # a name for this machine, with which alerts begin
: "${ALLOW_NET_FETCH:=1}"  # 0: no job asks a provider on the network
: "${RETRY_BUDGET_S:=30}"  # time a job may spend waiting for or retrying providers; below the shortest interval of the crontab
: "${MARKET:=XKRX}"        # the calendar of jobs that do not name one
: "${LOCK_BUSY_RC:=0}"     # what cron sees when a job is still running; 75 to get a mail
: "${TERM_GRACE_S:=5}"     # seconds between SIGTERM and SIGKILL
: "${KEEP_DAYS:=30}"       # of each desk the nightly runs of its newest so many dates stay: no clock is asked
: "${KEEP_MAX_RUNS:=120}"  # and of those so many; broken ones go first, then partial ones
: "${KEEP_LOG_DAYS:=90}"   # of each log the newest so many dates stay, and of histories that were set aside
: "${PRUNE_MAX_SHARE:=50}" # a prune that would remove a larger share (percent) of the runs or logs stops with an error
# KEEP_BACKTEST_DAYS=30: of each strategy the backtests of its newest so many dates stay; unset, all of them
# megabytes of data/cache that a prune leaves: the oldest go first, and are made again when they are needed
: "${KEEP_CACHE_MB:=2000}"
export ENV ALLOW_NET_FETCH RETRY_BUDGET_S MARKET LOCK_BUSY_RC TERM_GRACE_S KEEP_DAYS KEEP_MAX_RUNS KEEP_LOG_DAYS KEEP_CACHE_MB PRUNE_MAX_SHARE
# export PYTHONBIN=/path/to/python   # default: .venv/bin/python of the clone, then python3
