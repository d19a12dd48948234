"""What a curve and its trades amount to."""
