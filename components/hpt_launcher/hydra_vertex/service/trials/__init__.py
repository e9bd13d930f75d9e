"""Launching, supervising and ending the process of one trial or custom job."""
