"""Follows a running job: the client of the tuning service, watching, and the display of progress."""
