"""The made-up market."""
