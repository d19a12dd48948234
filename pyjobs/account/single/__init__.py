"""Each symbol alone, on a file of bars."""
