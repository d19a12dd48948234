"""The instrument of a file's rows: codes, identifiers, names; one instrument of many."""
