"""Stored boards are asked for again: what has changed since, and what is known of that from one job to the next."""
