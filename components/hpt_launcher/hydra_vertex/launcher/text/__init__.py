"""Formats text for terminals and messages: escaped control characters, numbers, durations."""
