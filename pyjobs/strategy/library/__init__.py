"""One file per strategy, found by its name: a record of parameters, its signals, and `ENTRY`, its valid ranges."""
