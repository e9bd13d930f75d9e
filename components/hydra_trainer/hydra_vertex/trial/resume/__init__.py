"""Which checkpoint a restarted trial resumes from."""
