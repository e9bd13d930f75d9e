"""The non-dominated points among outcomes of several objectives, all minimised. Pure.

Shapes in this module: n points, k objectives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .encoding import Array


def non_dominated(losses: Array) -> NDArray[np.bool_]:
    """Return which of the `losses` `(n, k)` no other one dominates: `(n,)`. A row with a NaN is not among them.

    A point dominates another one that is nowhere lower and somewhere higher. Equal points do not dominate each other.
    """
    valid = np.isfinite(losses).all(axis=1)
    known = losses[valid]
    nowhere_higher = (known[:, None, :] <= known[None, :, :]).all(axis=2)
    somewhere_lower = (known[:, None, :] < known[None, :, :]).any(axis=2)
    front = np.zeros(len(losses), dtype=np.bool_)
    front[valid] = ~(nowhere_higher & somewhere_lower).any(axis=0)
    return front
