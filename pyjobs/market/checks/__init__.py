"""Whether stored bars can be true."""
