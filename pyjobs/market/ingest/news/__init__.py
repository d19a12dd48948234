"""What is to be said of a series' answers, each thing once."""
