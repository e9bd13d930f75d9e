"""A job while it runs: the client, watching, progress."""
