"""Calendars: how the compiled files are built, and when a daily bar closes."""
