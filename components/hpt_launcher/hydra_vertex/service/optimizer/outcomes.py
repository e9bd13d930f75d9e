"""What trials brought, as numbers that suit a Gaussian process: bent towards normal, mean 0, variance 1."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from .encoding import Matrix

LEAST_BENT = 4
"""Fewer losses than this show no shape."""

MOST_POWER = 3.0
"""The transform's power is sought between minus and plus this; 1 leaves the losses as they are."""


def outcomes_of(losses: Matrix) -> Matrix:
    """Outcomes to minimise. An infeasible trial, NaN among the losses, counts as the worst one seen."""
    feasible = np.isfinite(losses)
    outcomes = np.empty_like(losses)
    outcomes[feasible] = yeo_johnson_normalised(losses[feasible])
    outcomes[~feasible] = outcomes[feasible].max()
    return standardised(outcomes)


def informative(losses: Matrix, count: int) -> NDArray[np.intp]:
    """The indices, ascending, of all losses, or of the best and the newest of them when there are more than `count`."""
    if len(losses) <= count:
        return np.arange(len(losses))
    best = np.argsort(losses, kind="stable")[: count // 2]  # NaN comes last
    others = np.setdiff1d(np.arange(len(losses)), best)
    return np.sort(np.concatenate([best, others[-(count - len(best)) :]]))


def standardised(losses: Matrix) -> Matrix:
    """Mean 0 and variance 1; zeros where all are the same."""
    largest = float(np.abs(losses).max())
    scaled = losses / largest if largest > 0 else losses  # else the squares of huge values overflow
    deviation = float(scaled.std())
    return (scaled - scaled.mean()) / deviation if deviation > 0 else np.zeros_like(losses)


def yeo_johnson_normalised(losses: Matrix) -> Matrix:
    """Standardised losses after the transform that makes them most normal, in the same order.

    The transform is that of Yeo and Johnson, "A New Family of Power Transformations" (2000), its power the most likely.
    """
    z = standardised(losses)
    if len(z) < LEAST_BENT or not z.any():
        return z
    found = minimize_scalar(lambda power: -_log_likelihood(z, power), bounds=(-MOST_POWER, MOST_POWER))
    return standardised(_yeo_johnson(z, float(found.x)))


def _log_likelihood(z: Matrix, power: float) -> float:
    variance = float(_yeo_johnson(z, power).var())
    if variance <= 0 or not math.isfinite(variance):
        return -math.inf
    return -0.5 * len(z) * math.log(variance) + (power - 1.0) * float((np.sign(z) * np.log1p(np.abs(z))).sum())


def _yeo_johnson(z: Matrix, power: float) -> Matrix:
    size = np.log1p(np.abs(z))
    return np.where(z >= 0, _powered(size, power), -_powered(size, 2.0 - power))


def _powered(size: Matrix, power: float) -> Matrix:
    return size if abs(power) < 1e-6 else np.asarray(np.expm1(power * size) / power)
