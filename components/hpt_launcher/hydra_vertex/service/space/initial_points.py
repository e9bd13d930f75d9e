"""The first points of a study, spread evenly however few they are.

An additive recurrence on the generalised golden ratio (Roberts, "The Unreasonable Effectiveness of Quasirandom
Sequences", 2018): its points need no table, no total number in advance and no library.
"""

from __future__ import annotations

import random

from .axes import Coordinate
from .search_space import Space, default_point, point_at


def space_filling_point(space: Space, index: int, seed: int) -> dict[str, Coordinate]:
    """The point with that index. That of index 0 is the default values, or the centre where there are none.

    The others are shifted together by `seed`, so that no two studies begin alike (a Cranley-Patterson rotation).
    """
    if index == 0:
        return default_point(space)
    shift = random.Random(seed)  # noqa: S311 - sampling, no secret
    count = len(space.dimensions)
    step = _generalised_golden_ratio(count)
    return point_at(space, [(shift.random() + index * step ** -(position + 1)) % 1.0 for position in range(count)])


def _generalised_golden_ratio(dimensions: int) -> float:
    """The positive root of x**(d + 1) = x + 1."""
    root = 2.0
    for _ in range(64):
        root = (1.0 + root) ** (1.0 / (dimensions + 1))
    return root
