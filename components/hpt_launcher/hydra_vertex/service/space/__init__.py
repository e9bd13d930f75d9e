"""A search space as a box of axes, and the points in it."""
