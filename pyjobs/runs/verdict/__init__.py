"""Is all quiet because all is well? One table of what is looked at, one verdict on a job: for health, `why`, cron."""
