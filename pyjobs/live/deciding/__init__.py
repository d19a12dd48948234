"""One decision for each closed bar: by the shared core, within a person's limits."""
