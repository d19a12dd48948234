"""Scans: each setup's answer for every instrument, at a session's close or now, and what of that is news."""
