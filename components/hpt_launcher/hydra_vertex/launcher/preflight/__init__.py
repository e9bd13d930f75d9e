"""Checks the search space with the app and builds the job document, before a job is sent."""
