"""What a grid means: its columns, when its bars close, its numbers on one basis."""
