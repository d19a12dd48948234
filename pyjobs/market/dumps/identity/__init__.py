"""Whose rows a file has: codes, identifiers, names; one instrument of many."""
