"""May money follow a loop: its nightly check, its restart drill, the gates, and a strip of its last bars."""
