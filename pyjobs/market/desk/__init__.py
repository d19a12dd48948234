"""A desk: its file, what it knew when a session closed, splits and dividends worked in."""
