"""The mean of repeats with its interval, and the comparison of configurations that have run with the same seeds. Pure.

The intervals are those of Student's t distribution: Student, The probable error of a mean, Biometrika 6 (1908). The
p-values of several comparisons are corrected by Holm's method: S. Holm, A simple sequentially rejective multiple test
procedure, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

LEVEL = 0.95
"""The confidence level of all intervals. A ranking is settled when all p-values are at most 1 - LEVEL."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of `count` values and its interval. The bounds are None for one value, which has no variance."""

    count: int
    mean: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference paired by seed: `estimate` of the differences, and the p-value of the hypothesis of none.

    `p` is that of a two-sided t test; 1 for fewer than two pairs.
    """

    estimate: Estimate | None
    p: float


def estimate_mean(values: Sequence[float]) -> Estimate | None:
    """Return the mean and its interval; None without a value."""
    if not values:
        return None
    centre = mean(values)
    if len(values) == 1:
        return Estimate(1, centre)
    half = _t_quantile(0.5 + LEVEL / 2, len(values) - 1) * _standard_error(values)
    return Estimate(len(values), centre, centre - half, centre + half)


def paired_difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """Compare two configurations by the values of the seeds that both have: the values of `first` minus `second`."""
    differences = [value - second[seed] for seed, value in first.items() if seed in second]
    found = estimate_mean(differences)
    if found is None or found.low is None:
        return Difference(found, 1.0)
    error = _standard_error(differences)
    if error == 0:
        return Difference(found, 0.0 if found.mean else 1.0)
    return Difference(found, 2 * _t_tail(abs(found.mean) / error, len(differences) - 1))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return the p-values corrected for their number, in their order."""
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, p_values[index] * (len(order) - rank)))
        adjusted[index] = largest
    return tuple(adjusted)


def _standard_error(values: Sequence[float]) -> float:
    return stdev(values) / math.sqrt(len(values))


def _t_quantile(probability: float, degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _t_tail(t: float, degrees: int) -> float:
    """Return the probability of a value of at least `t`."""
    from scipy.special import stdtr

    return float(stdtr(degrees, -t))
