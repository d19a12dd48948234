"""Migrations of stored files: `to_N_what.py` brings them from format N-1 to N.

Each has two functions. `left(data)` yields the files below data/ that are still of the old format, found by looking at
them. `change(path)` brings one to the new format, whole or not at all (`utils.files.atomic`, one SQLite transaction),
and raises BadDataError for one that it cannot. So a migration may be killed anywhere: the next run goes on.
`config/data_format.txt` grows with it.
"""
