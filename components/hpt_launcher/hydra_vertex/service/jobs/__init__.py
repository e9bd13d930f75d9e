"""The state machines of jobs and trials, and the SQLite database in which their records are stored."""
