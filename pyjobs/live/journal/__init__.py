"""A loop's decisions, in files that survive it."""
