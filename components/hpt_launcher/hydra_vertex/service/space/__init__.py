"""Search spaces: axes, points, the grid of a finite space, and the startup points of a study."""
