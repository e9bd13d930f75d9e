"""Text for people: what a terminal does not obey, numbers and durations."""
