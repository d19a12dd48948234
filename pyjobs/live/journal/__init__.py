"""What a loop has decided, in files that survive it."""
