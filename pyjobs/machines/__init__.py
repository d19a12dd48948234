"""What is carried between machines and versions: runs, backups, code."""
