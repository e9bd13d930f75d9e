"""What is checked and built before a job is sent."""
