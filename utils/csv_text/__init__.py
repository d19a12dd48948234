"""Tables of numbers as CSV, quickly."""
