"""The startup points of a Bayesian study: a low-discrepancy sequence that covers the space evenly for any length.

The sequence is the additive recurrence on the generalised golden ratio, R_d (Roberts, "The Unreasonable Effectiveness
of Quasirandom Sequences", 2018). It needs no table, no library, and no number of points in advance.
"""

from __future__ import annotations

import random

from .axes import Coordinate
from .search_space import Space, default_point, point_at


def space_filling_point(space: Space, index: int, seed: int) -> dict[str, Coordinate]:
    """Return the point with that index. Index 0 has the default values, and the middle of each axis without one.

    The others are shifted by one offset for each axis, drawn with `seed`, so that two studies differ: a rotation of
    Cranley and Patterson ("Randomization of Number Theoretic Methods for Multiple Integration", 1976).
    """
    if index == 0:
        return default_point(space)
    shift = random.Random(seed)  # noqa: S311 - sampling, no secret
    count = len(space.dimensions)
    step = _generalised_golden_ratio(count)
    return point_at(space, [(shift.random() + index * step ** -(position + 1)) % 1.0 for position in range(count)])


def _generalised_golden_ratio(dimensions: int) -> float:
    """Return the positive root of x**(d + 1) = x + 1 for d dimensions, by fixed-point iteration (Roberts 2018)."""
    root = 2.0
    for _ in range(64):
        root = (1.0 + root) ** (1.0 / (dimensions + 1))
    return root
