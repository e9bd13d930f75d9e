"""What trials brought, as numbers to minimise that suit a Gaussian process: bent towards normal, mean 0, variance 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from .encoding import Matrix

LOG_SHARES = (0.03, 0.3)
"""What is added before the logarithm, as shares of the median above the least."""


def standardised(losses: Matrix) -> Matrix:
    """Mean 0 and variance 1; zeros where all are the same."""
    deviation = float(losses.std())
    return (losses - losses.mean()) / deviation if deviation > 0 else np.zeros_like(losses)


@dataclass(frozen=True, slots=True)
class Bent:
    """Losses after a transform that keeps their order. `log_slope`: of the transform, over all losses, for comparing."""

    outcomes: Matrix
    log_slope: float


def bends(losses: Matrix) -> list[Bent]:
    """The losses as they are, made most normal by a Yeo-Johnson transform, and as logarithms above the least."""
    z = standardised(losses)
    if len(z) < 5 or not z.any():
        return [Bent(z, 0.0)]
    found = minimize_scalar(lambda power: -_likelihood(z, power), bounds=(-3.0, 3.0), method="bounded")
    power = float(found.x)
    candidates = [Bent(z, 0.0)]
    candidates.append(_bent(_yeo_johnson(z, power), (power - 1.0) * np.sign(z) * np.log1p(np.abs(z))))
    above = z - z.min()
    for share in LOG_SHARES:
        shifted = above + share * float(np.median(above)) + 1e-9
        candidates.append(_bent(np.log(shifted), -np.log(shifted)))
    return candidates


def _bent(values: Matrix, log_slopes: Matrix) -> Bent:
    deviation = float(values.std()) or 1.0
    return Bent(standardised(values), float(log_slopes.sum()) - len(values) * math.log(deviation))


def _likelihood(z: Matrix, power: float) -> float:
    variance = float(_yeo_johnson(z, power).var())
    if variance <= 0 or not math.isfinite(variance):
        return -math.inf
    return -0.5 * len(z) * math.log(variance) + (power - 1.0) * float((np.sign(z) * np.log1p(np.abs(z))).sum())


def _yeo_johnson(z: Matrix, power: float) -> Matrix:
    size = np.log1p(np.abs(z))
    positive = size if abs(power) < 1e-6 else np.expm1(power * size) / power
    other = 2.0 - power
    negative = -size if abs(other) < 1e-6 else -np.expm1(other * size) / other
    return np.where(z >= 0, positive, negative)
