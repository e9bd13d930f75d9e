"""Gaussian process regression: the posterior given outcomes, predictions, and samples of unknown outcomes.

Source of the formulas: Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), chapter 2. The mean
of the prior is 0.

Shapes in this module: n known rows, d encoded dimensions, m rows to predict, r running trials, s columns of outcomes
(one for each sample of the running trials' outcomes, or one alone).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from .encoding import Array
from .hyperparameters import Hyperparameters
from .kernel import matern, matern_derivative, scaled_distances

JITTER = 1e-9
"""Added to the diagonal of the covariance, in units of the amplitude, so that its Cholesky factorisation succeeds."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """The Gaussian process given the outcomes at n rows.

    `rows` `(n, d)`; `categories` `(d,)`: which dimensions are category indices; `lower` `(n, n)`: the lower Cholesky
    factor of the covariance K + noise I; `weights` `(n, s)`: its inverse times the outcomes.
    """

    rows: Array
    categories: NDArray[np.bool_]
    hyperparameters: Hyperparameters
    lower: Array
    weights: Array

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return the means `(m, s)` and the standard deviations `(m,)` at `rows` `(m, d)`.

        The deviations are of the noise-free function: equations 2.25 and 2.26.
        """
        cross = self.cross(rows)
        half = solve_triangular(self.lower, cross.T, lower=True, check_finite=False)
        variance = self.hyperparameters.amplitude - np.square(half).sum(0)
        return cross @ self.weights, np.sqrt(np.maximum(variance, 1e-14))

    def predict_with_gradient(self, row: Array) -> tuple[Array, float, Array, Array]:
        """Return means `(s,)` and standard deviation at one `row` `(d,)`, and their gradients `(s, d)` and `(d,)`.

        The gradients are the derivatives of equations 2.25 and 2.26 with respect to the row's cells.
        """
        h = self.hyperparameters
        squared = scaled_distances(row[None, :], self.rows, self.categories, h.lengthscales)[0]
        cross = h.amplitude * matern(squared)
        gradients = (2.0 * h.amplitude * matern_derivative(squared))[:, None] * (row - self.rows) / h.lengthscales**2
        solved = cho_solve((self.lower, True), cross, check_finite=False)
        deviation = math.sqrt(max(h.amplitude - float(cross @ solved), 1e-14))
        return cross @ self.weights, deviation, self.weights.T @ gradients, -(solved @ gradients) / deviation

    def cross(self, rows: Array) -> Array:
        """Return the prior covariance `(m, n)` of `rows` `(m, d)` with the known rows."""
        squared = scaled_distances(rows, self.rows, self.categories, self.hyperparameters.lengthscales)
        return self.hyperparameters.amplitude * matern(squared)


def posterior(
    rows: Array, outcomes: Array, categories: NDArray[np.bool_], hyperparameters: Hyperparameters
) -> Posterior:
    """Return the posterior given `outcomes`, `(n,)` or `(n, s)`, at `rows` `(n, d)`; `categories` is `(d,)`.

    Source: algorithm 2.1, lines 2 and 3.
    """
    h = hyperparameters
    covariance = h.amplitude * matern(scaled_distances(rows, rows, categories, h.lengthscales))
    covariance[np.diag_indices(len(rows))] += h.noise + JITTER * h.amplitude
    lower = cholesky(covariance, lower=True, check_finite=False)
    columns = outcomes.reshape(len(rows), -1)
    return Posterior(rows, categories, h, lower, cho_solve((lower, True), columns, check_finite=False))


def sample_outcomes(known: Posterior, running: Array, count: int, rng: np.random.Generator) -> Array:
    """Return joint samples `(r, count)` of the noisy outcomes at `running` `(r, d)`; `count` is even.

    The distribution is that of equations 2.23 and 2.24 with the noise variance added, and the mean is that of the first
    column of outcomes. The samples are in pairs symmetric about the mean (antithetic sampling).
    """
    h = known.hyperparameters
    means, _ = known.predict(running)
    half = solve_triangular(known.lower, known.cross(running).T, lower=True, check_finite=False)
    prior = h.amplitude * matern(scaled_distances(running, running, known.categories, h.lengthscales))
    covariance = prior - half.T @ half + (h.noise + 1e-8 * h.amplitude) * np.eye(len(running))
    values, vectors = np.linalg.eigh(covariance)
    normal = rng.standard_normal((len(running), count // 2))
    draws = (vectors * np.sqrt(np.maximum(values, 0.0))) @ np.hstack([normal, -normal])
    return np.asarray(means[:, :1] + draws)
