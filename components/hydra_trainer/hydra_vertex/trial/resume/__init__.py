"""Finds the checkpoint that a restarted trial resumes from."""
