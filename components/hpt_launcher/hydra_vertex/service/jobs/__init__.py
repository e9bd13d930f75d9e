"""The states of jobs and trials, and the database that holds them."""
