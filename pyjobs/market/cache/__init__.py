"""Bars as columns that a process maps into memory: of the store, and of anyone's Parquet file."""
