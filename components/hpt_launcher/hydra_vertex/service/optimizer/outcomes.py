"""What trials brought, as numbers to minimise that suit a Gaussian process: bent towards normal, mean 0, variance 1."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize_scalar

from .encoding import Matrix


def standardised(losses: Matrix) -> Matrix:
    """Mean 0 and variance 1; zeros where all are the same."""
    deviation = float(losses.std())
    return (losses - losses.mean()) / deviation if deviation > 0 else np.zeros_like(losses)


def bent(losses: Matrix) -> Matrix:
    """Standardised losses after the Yeo-Johnson transform that makes them most normal."""
    z = standardised(losses)
    if len(z) < 4 or not z.any():
        return z
    found = minimize_scalar(lambda power: -_likelihood(z, power), bounds=(-3.0, 3.0), method="bounded")
    return standardised(_yeo_johnson(z, float(found.x)))


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
