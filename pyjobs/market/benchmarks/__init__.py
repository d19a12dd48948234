"""What results are compared against: where its closes and bars come from."""
