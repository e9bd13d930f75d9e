"""Repeats the best configurations of a study with several seeds, and compares their means."""
