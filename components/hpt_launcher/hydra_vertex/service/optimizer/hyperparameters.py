"""The hyperparameters of the Gaussian process: those with the highest posterior density, by L-BFGS from two starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky
from scipy.optimize import minimize

from .encoding import Matrix
from .kernel import matern, matern_slope, squared_differences

LENGTHSCALE_MEAN, LENGTHSCALE_STD = math.sqrt(2.0), math.sqrt(3.0)
"""Of the logarithm, to which half of the logarithm of the number of parameters is added: Hvarfner et al., "Vanilla
Bayesian Optimization Performs Great in High Dimensions" (2024)."""

NOISE_MEAN, NOISE_STD = math.log(1e-4), 2.5
AMPLITUDE_STD = 1.0
LEAST_NOISE = 1e-6
STARTS = (0.4, 1.5)
"""The first length scales, times the square root of the number of parameters over 2."""

MOST_STEPS = 60


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Of a process whose outcomes have mean 0 and variance 1. `amplitude` and `noise` are variances."""

    lengthscales: Matrix
    amplitude: float
    noise: float


def fit_hyperparameters(rows: Matrix, outcomes: Matrix, categories: NDArray[np.bool_]) -> Hyperparameters:
    """The most probable ones."""
    density = _Density(squared_differences(rows, rows, categories), outcomes).with_slopes
    parameters = rows.shape[1]
    bounds = [(math.log(5e-3), math.log(1e3))] * parameters
    bounds += [(math.log(1e-2), math.log(1e2)), (math.log(LEAST_NOISE), math.log(1.0))]
    found = []
    for start in STARTS:
        lengthscale = start * math.sqrt(parameters / 2)
        x0 = np.array([math.log(lengthscale)] * parameters + [0.0, math.log(1e-3)])
        found.append(minimize(density, x0, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MOST_STEPS}))
    best = min(found, key=lambda result: float(result.fun)).x
    return Hyperparameters(np.exp(best[:-2]), math.exp(best[-2]), math.exp(best[-1]))


class _Density:
    """The negative logarithm of the posterior density, and its gradient, by the logarithms of the hyperparameters."""

    def __init__(self, squared: Matrix, outcomes: Matrix) -> None:
        self._squared = squared.reshape(len(squared), -1)
        self._outcomes = outcomes
        self._mean = LENGTHSCALE_MEAN + 0.5 * math.log(len(squared))

    def with_slopes(self, logs: Matrix) -> tuple[float, Matrix]:
        n = len(self._outcomes)
        weights = np.exp(-2.0 * logs[:-2])
        amplitude, noise = math.exp(logs[-2]), math.exp(logs[-1])
        distances = (weights @ self._squared).reshape(n, n)
        correlation = matern(distances)
        covariance = amplitude * correlation
        covariance[np.diag_indices(n)] += noise
        try:
            lower = cholesky(covariance, lower=True, check_finite=False)
        except LinAlgError:
            return 1e10, np.zeros_like(logs)
        alpha = cho_solve((lower, True), self._outcomes, check_finite=False)
        inverse = cho_solve((lower, True), np.eye(n), check_finite=False)
        value = 0.5 * self._outcomes @ alpha + np.log(np.diag(lower)).sum()
        weight = np.outer(alpha, alpha) - inverse
        by_distance = (weight * matern_slope(distances)).ravel()
        gradient = np.empty_like(logs)
        gradient[:-2] = amplitude * weights * (self._squared @ by_distance)
        gradient[-2] = -0.5 * amplitude * np.vdot(weight, correlation)
        gradient[-1] = -0.5 * noise * np.trace(weight)
        prior, prior_gradient = self._prior(logs)
        return float(value + prior), gradient + prior_gradient

    def _prior(self, logs: Matrix) -> tuple[float, Matrix]:
        means = np.array([self._mean] * (len(logs) - 2) + [0.0, NOISE_MEAN])
        deviations = np.array([LENGTHSCALE_STD] * (len(logs) - 2) + [AMPLITUDE_STD, NOISE_STD])
        scores = (logs - means) / deviations
        gradient = scores / deviations
        # A density by the length scale itself, not by its logarithm, as the source has it.
        gradient[:-2] += 1.0
        return float(0.5 * scores @ scores + logs[:-2].sum()), gradient
