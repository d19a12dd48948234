"""What strategies want on series, as an account reads it."""
