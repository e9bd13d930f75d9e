"""Runs the unfinished jobs of a service, one run object per job, and resumes them after a restart."""
