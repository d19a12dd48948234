"""Bars from providers into the store: which series, whom to ask, what is missing."""
