"""A desk on fetched bars: what is due, asked for in few requests, and what became of each symbol."""
