"""Bars from providers into the store: which series, from which provider, what is missing."""
