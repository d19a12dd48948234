"""Scans: what the setups say of every instrument, at a session's close or now, and what of that is news."""
