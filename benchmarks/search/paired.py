"""Statistics of paired comparisons: ranks, and the interval of the typical difference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

Z = 1.96
"""The 97.5 % quantile of the normal distribution."""


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median of symmetric differences; infinite ends with fewer than six.

    It inverts the signed-rank test of Wilcoxon by the normal approximation: order statistics of the means of all
    pairs (Hodges and Lehmann, "Estimates of Location Based on Rank Tests", 1963). A difference may be infinite.
    """
    n = len(differences)
    if n < 6:
        return -math.inf, math.inf
    values = np.clip(np.asarray(differences, dtype=np.float64), -1e300, 1e300) / 2
    first, second = np.triu_indices(n)
    means = np.sort(values[first] + values[second])
    total = n * (n + 1) / 2
    below = int(total / 2 - Z * math.sqrt(n * (n + 1) * (2 * n + 1) / 24))
    return float(means[below]), float(means[len(means) - 1 - below])


def ranked(values: Mapping[str, float]) -> dict[str, float]:
    """Return the rank of each value, from 1; equal values get the mean of their ranks."""
    ordered = sorted(values.values())
    return {name: ordered.index(value) + (ordered.count(value) + 1) / 2 for name, value in values.items()}
