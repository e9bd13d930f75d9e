"""A compiled pipeline, run on this machine."""
