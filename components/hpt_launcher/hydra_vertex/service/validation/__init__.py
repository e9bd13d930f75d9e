"""Validation of jobs: refuses what the API refuses, and what this service does not support."""
