"""A price file as a grid: columns as they stand in it, each row with its line, nothing judged yet."""
