"""Turn several objectives into one for a single suggestion: an augmented Chebyshev function with random weights.

Source: Knowles, "ParEGO: A Hybrid Algorithm with On-Line Landscape Approximation for Expensive Multiobjective
Optimization Problems" (2006). Shapes in this module: n points, k objectives.
"""

from __future__ import annotations

import numpy as np

from .encoding import Array
from .outcomes import without_outliers
from .pareto import non_dominated

AUGMENTATION = 0.05
"""The share of the weighted sum that is added to the maximum, so that no weakly dominated point is optimal."""


def scalarised(losses: Array, rng: np.random.Generator) -> Array:
    """Return one loss `(n,)` for each of the `losses` `(n, k)`, NaN where one of them is NaN.

    The weights are drawn uniformly from all that are positive and sum to 1. An objective is scaled so that it is 0 at
    its best and 1 at its worst in the Pareto set.
    """
    weights = rng.dirichlet(np.ones(losses.shape[1]))
    weighted = scaled(losses) * weights
    return np.asarray(weighted.max(axis=1) + AUGMENTATION * weighted.sum(axis=1))


def scaled(losses: Array) -> Array:
    """Return the losses `(n, k)`, each objective 0 at its best and 1 at its worst in the Pareto set.

    Losses that explode are brought near the others before, so that they do not hide the order of these. Where the
    Pareto set has only one value of an objective, the worst of all points is used; 0 where all are equal.
    """
    valid = np.isfinite(losses).all(axis=1)
    if not valid.any():
        return losses
    near = np.full_like(losses, np.nan)
    near[valid] = np.column_stack([_without_outliers(column) for column in losses[valid].T])
    front = near[non_dominated(losses)]
    best = front.min(axis=0)
    width = front.max(axis=0) - best
    width = np.where(width > 0, width, near[valid].max(axis=0) - best)
    return np.asarray((near - best) / np.where(width > 0, width, 1.0))


def _without_outliers(losses: Array) -> Array:
    """Return the finite `losses` `(n,)` of one objective, in the same order, with differences that do not overflow."""
    largest = float(np.abs(losses).max())
    return without_outliers(losses / largest if largest > 0 else losses)
