"""Predict how much a learning curve still improves: Gaussian process regression averaged over a set of kernels.

A few runs do not identify one kernel. The kernel that fits best ignores that uncertainty and predicts too small a
deviation; the average over all kernels, weighted by their marginal likelihood, does not. Source: Rasmussen and
Williams, "Gaussian Processes for Machine Learning" (2006): equations 2.25 and 2.26 (prediction), 2.30 (marginal
likelihood), 4.9 and section 4.2.2 (kernels), section 5.2 (average over models).

Shapes in this module: n runs, f features of a run, m points to predict, c kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

LENGTH_SCALES = (0.5, 1.0, 2.0, 4.0)
SLOPES = (0.3, 3.0)
NOISES = (0.03, 0.1, 0.3)
"""Each combination is one kernel: squared exponential plus linear plus noise, on standardised features and gains.

The linear part extrapolates: the runs that ended are mostly good ones, and those to be judged often are not.
"""

EXTRA_DEVIATION = 1e-3
"""Added in quadrature to the standard deviations of features and gains, so that they are never 0."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """The parameters of the c kernels: each field is `(c,)`. `slopes` and `noises` are variances."""

    length_scales: Array
    slopes: Array
    noises: Array


def predict(features: Array, gains: Array, variances: Array, at: Array) -> tuple[Array, Array]:
    """Return the mean `(m,)` and the standard deviation `(m,)` of the gain at the rows of `at` `(m, f)`.

    `features` is `(n, f)`; `gains` `(n,)` are what the runs gained, `variances` `(n,)` the uncertainty of these gains,
    0 where a gain is known. Mean and variance are those of the mixture of the kernels' predictions, by the laws of
    total expectation and total variance.
    """
    import numpy as np

    centre, deviation = features.mean(axis=0), np.hypot(features.std(axis=0), EXTRA_DEVIATION)
    mean_gain, gain_deviation = gains.mean(), np.hypot(gains.std(), EXTRA_DEVIATION)
    inputs, points = (features - centre) / deviation, (at - centre) / deviation
    targets = (gains - mean_gain) / gain_deviation
    weights, means, own_variances = _posteriors(inputs, targets, variances / gain_deviation**2, points)
    mean = weights @ means
    variance = weights @ (own_variances + (means - mean) ** 2)
    return mean_gain + gain_deviation * mean, gain_deviation * np.sqrt(np.maximum(variance, 1e-9))


def _posteriors(inputs: Array, targets: Array, variances: Array, points: Array) -> tuple[Array, Array, Array]:
    """Return each kernel's probability `(c,)` and its predicted means and variances, both `(c, m)`.

    `inputs` is `(n, f)`, `targets` and `variances` are `(n,)`, `points` is `(m, f)`. The kernels are equally probable
    before the runs are seen. The variances are of a noisy gain.
    """
    import numpy as np

    kernels = _kernels()
    diagonal = np.arange(len(targets))
    covariances = _covariances(kernels, inputs, inputs)
    covariances[:, diagonal, diagonal] += kernels.noises[:, None] + variances
    factors = np.linalg.cholesky(covariances)
    own = np.broadcast_to(targets[:, None], (len(factors), len(targets), 1))
    columns = np.linalg.solve(factors, np.concatenate([own, _covariances(kernels, inputs, points)], axis=-1))
    white, cross = columns[..., 0], columns[..., 1:]
    evidence = -0.5 * (white**2).sum(axis=-1) - np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=-1)
    weights = np.exp(evidence - evidence.max())
    prior = 1 + np.outer(kernels.slopes, (points**2).sum(axis=-1)) + kernels.noises[:, None]
    return weights / weights.sum(), (white[..., None] * cross).sum(axis=1), prior - (cross**2).sum(axis=1)


def _covariances(kernels: Kernels, left: Array, right: Array) -> Array:
    """Return the noise-free covariance `(c, p, q)` of the rows of `left` `(p, f)` and `right` `(q, f)`."""
    import numpy as np

    distances = ((left[:, None] - right[None]) ** 2).sum(axis=-1)
    squared_exponential: Array = np.exp(-distances / (2 * kernels.length_scales[:, None, None] ** 2))
    return squared_exponential + kernels.slopes[:, None, None] * (left @ right.T)


@cache
def _kernels() -> Kernels:
    import numpy as np

    grid = np.meshgrid(LENGTH_SCALES, SLOPES, NOISES, indexing="ij")
    return Kernels(*(values.ravel() for values in grid))
