"""The last error of a program, in whatever format it was logged, and whose it is; the door is utils.external_errors."""
