"""The lines about a series' answers, each thing once."""
