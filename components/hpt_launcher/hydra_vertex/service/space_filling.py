"""The first points of a study, spread evenly however few they are.

An additive recurrence on the generalised golden ratio (Roberts, "The Unreasonable Effectiveness of Quasirandom
Sequences", 2018): its points need no table, no total number in advance and no library.
"""

from __future__ import annotations

from .axes import Coordinate
from .space import Space, default_point, point_at

CENTRE = 0.5


def space_filling_point(space: Space, index: int) -> dict[str, Coordinate]:
    """The point with that index, from 0, which is the default values, or the centre where there are none."""
    if index == 0:
        return default_point(space)
    count = len(space.dimensions)
    step = _generalised_golden_ratio(count)
    return point_at(space, [(CENTRE + index * step ** -(position + 1)) % 1.0 for position in range(count)])


def _generalised_golden_ratio(dimensions: int) -> float:
    """The positive root of x**(d + 1) = x + 1."""
    root = 2.0
    for _ in range(64):
        root = (1.0 + root) ** (1.0 / (dimensions + 1))
    return root
