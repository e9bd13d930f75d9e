"""Fit the hyperparameters of the Gaussian process: the maximum of their posterior density, by L-BFGS from two starts.

Source of the likelihood and its gradient: Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006),
equations 2.30 and 5.9.

Shapes in this module: n trials, d encoded dimensions. A vector of log hyperparameters has shape `(d + 2,)`: the length
scales, the amplitude, the noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky
from scipy.optimize import minimize

from .encoding import Array
from .kernel import matern, matern_derivative, squared_differences

LENGTHSCALE_MEAN, LENGTHSCALE_STD = math.sqrt(2.0), math.sqrt(3.0)
"""The log-normal prior of a length scale; half of log d is added to the mean. Source: Hvarfner, Hellsten and Nardi,
"Vanilla Bayesian Optimization Performs Great in High Dimensions" (2024)."""

NOISE_MEAN, NOISE_STD = math.log(1e-4), 2.5
AMPLITUDE_STD = 1.0
"""The normal priors of the logarithms of the noise variance and, with mean 0, of the amplitude: our own choice."""

MIN_NOISE = 1e-6
STARTS = (0.4, 1.5)
"""The initial length scales, in units of the square root of d / 2."""

MAX_ITERATIONS = 60


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """The kernel of a process whose outcomes have mean 0 and variance 1.

    `lengthscales` `(d,)`; `amplitude` and `noise` are variances.
    """

    lengthscales: Array
    amplitude: float
    noise: float


def fit_hyperparameters(rows: Array, outcomes: Array, categories: NDArray[np.bool_]) -> Hyperparameters:
    """Return the most probable hyperparameters given `outcomes` `(n,)` at `rows` `(n, d)`; `categories` is `(d,)`."""
    density = _NegativeLogPosterior(squared_differences(rows, rows, categories), outcomes).with_gradient
    parameters = rows.shape[1]
    bounds = [(math.log(5e-3), math.log(1e3))] * parameters
    bounds += [(math.log(1e-2), math.log(1e2)), (math.log(MIN_NOISE), math.log(1.0))]
    found = []
    for start in STARTS:
        lengthscale = start * math.sqrt(parameters / 2)
        x0 = np.array([math.log(lengthscale)] * parameters + [0.0, math.log(1e-3)])
        found.append(
            minimize(density, x0, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MAX_ITERATIONS})
        )
    best = min(found, key=lambda result: float(result.fun)).x
    return Hyperparameters(np.exp(best[:-2]), math.exp(best[-2]), math.exp(best[-1]))


class _NegativeLogPosterior:
    """The negative logarithm of the hyperparameters' posterior density, up to a constant.

    `squared` `(d, n, n)`: the squared differences in each dimension; `outcomes` `(n,)`.
    """

    def __init__(self, squared: Array, outcomes: Array) -> None:
        self._squared = squared.reshape(len(squared), -1)
        self._outcomes = outcomes
        self._mean = LENGTHSCALE_MEAN + 0.5 * math.log(len(squared))

    def with_gradient(self, logs: Array) -> tuple[float, Array]:
        """Return the value and its gradient `(d + 2,)` at the log hyperparameters `logs` `(d + 2,)`.

        A large value with a zero gradient where the covariance matrix has no Cholesky factor.
        """
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
        by_distance = (weight * matern_derivative(distances)).ravel()
        gradient = np.empty_like(logs)
        gradient[:-2] = amplitude * weights * (self._squared @ by_distance)
        gradient[-2] = -0.5 * amplitude * np.vdot(weight, correlation)
        gradient[-1] = -0.5 * noise * np.trace(weight)
        prior, prior_gradient = self._prior(logs)
        return float(value + prior), gradient + prior_gradient

    def _prior(self, logs: Array) -> tuple[float, Array]:
        """Return the negative log prior and its gradient `(d + 2,)` at `logs` `(d + 2,)`."""
        means = np.array([self._mean] * (len(logs) - 2) + [0.0, NOISE_MEAN])
        deviations = np.array([LENGTHSCALE_STD] * (len(logs) - 2) + [AMPLITUDE_STD, NOISE_STD])
        scores = (logs - means) / deviations
        gradient = scores / deviations
        # The source maximises the density of the length scale itself, not of its logarithm.
        gradient[:-2] += 1.0
        return float(0.5 * scores @ scores + logs[:-2].sum()), gradient
