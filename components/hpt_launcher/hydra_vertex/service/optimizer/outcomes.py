"""Transform the losses of trials to outcomes that suit a Gaussian process: nearly normal, mean 0, variance 1.

Losses that explode, such as 1e6 beside 0.3, are first brought near the others: mean and deviation of the raw losses
would be theirs alone. A power transform then makes the distribution nearly normal.

Source of the power transform: Yeo and Johnson, "A New Family of Power Transformations to Improve Normality or Symmetry"
(2000). Shapes in this module: n trials.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from .encoding import Array

MAX_ABOVE = 3.0
"""Losses farther above the better two thirds than this, in units of the range of those, are outliers."""

MIN_TRANSFORMED = 4
"""Fewer losses than this are only standardised: they do not show the shape of their distribution."""

MAX_POWER = 3.0
"""The power of the transform is sought between minus this and this; a power of 1 leaves the losses unchanged."""


def outcomes_of(losses: Array) -> Array:
    """Return the outcomes `(n,)` to minimise. In `losses` `(n,)` infeasible trials are NaN; at least one is finite.

    An infeasible trial gets the outcome midway between the median and the worst of the feasible ones: with the worst, a
    best point next to the failing region is avoided too. Where these are equal, it gets a worse one than all.
    """
    feasible = np.isfinite(losses)
    outcomes = np.empty_like(losses)
    known = yeo_johnson_normalised(without_outliers(losses[feasible]))
    outcomes[feasible] = known
    median, worst = float(np.median(known)), float(known.max())
    outcomes[~feasible] = (median + worst) / 2 if worst > median else worst + 1.0
    return standardised(outcomes)


def without_outliers(losses: Array) -> Array:
    """Return `losses` `(n,)` minus the best, in units of the range of the better two thirds: `(n,)`, in the same order.

    Those above MAX_ABOVE count by their rank alone, in one further unit, so the result does not depend on their size.
    Losses of which two thirds are equal are returned unchanged.
    """
    ordered = np.sort(losses)
    best, typical = float(ordered[0]), float(ordered[2 * (len(losses) - 1) // 3])
    largest = max(abs(best), abs(typical))  # their difference may overflow
    spread = typical / largest - best / largest if largest > 0 else 0.0
    if spread <= 0:
        return losses
    limit = 1.0 + MAX_ABOVE
    with np.errstate(over="ignore"):  # a loss beyond the largest number in this unit is an outlier all the same
        scaled = (losses / largest - best / largest) / spread
    outliers = np.sort(losses[scaled > limit])
    below_each = (np.searchsorted(outliers, losses, "left") + np.searchsorted(outliers, losses, "right")) / 2
    return np.asarray(np.minimum(scaled, limit) + below_each / len(losses))


def informative(losses: Array, count: int) -> NDArray[np.intp]:
    """Return ascending indices `(min(n, count),)` into `losses` `(n,)`: all, or the best half and the newest half."""
    if len(losses) <= count:
        return np.arange(len(losses))
    best = np.argsort(losses, kind="stable")[: count // 2]  # NaN is last
    others = np.setdiff1d(np.arange(len(losses)), best)
    return np.sort(np.concatenate([best, others[-(count - len(best)) :]]))


def standardised(losses: Array) -> Array:
    """Return `losses` `(n,)` scaled to mean 0 and variance 1; zeros `(n,)` where all are equal."""
    largest = float(np.abs(losses).max())
    scaled = losses / largest if largest > 0 else losses  # the squares of huge losses would overflow
    deviation = float(scaled.std())
    return (scaled - scaled.mean()) / deviation if deviation > 0 else np.zeros_like(losses)


def yeo_johnson_normalised(losses: Array) -> Array:
    """Return `losses` `(n,)` standardised, transformed and standardised again: `(n,)`, in the same order.

    The power of the transform is the one with the highest likelihood.
    """
    z = standardised(losses)
    if len(z) < MIN_TRANSFORMED or not z.any():
        return z
    found = minimize_scalar(lambda power: -_log_likelihood(z, power), bounds=(-MAX_POWER, MAX_POWER))
    return standardised(_yeo_johnson(z, float(found.x)))


def _log_likelihood(z: Array, power: float) -> float:
    """Return the profile log likelihood of the power, given `z` `(n,)` (Yeo and Johnson 2000, section 3)."""
    variance = float(_yeo_johnson(z, power).var())
    if variance <= 0 or not math.isfinite(variance):
        return -math.inf
    return -0.5 * len(z) * math.log(variance) + (power - 1.0) * float((np.sign(z) * np.log1p(np.abs(z))).sum())


def _yeo_johnson(z: Array, power: float) -> Array:
    """Return the transform of `z` `(n,)`: the power applies to z + 1 above 0, and 2 - power to 1 - z below."""
    size = np.log1p(np.abs(z))
    return np.where(z >= 0, _powered(size, power), -_powered(size, 2.0 - power))


def _powered(size: Array, power: float) -> Array:
    """Return (exp(power * size) - 1) / power, and its limit `size` at power 0; `(n,)`."""
    return size if abs(power) < 1e-6 else np.asarray(np.expm1(power * size) / power)
