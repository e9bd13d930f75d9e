"""What a curve has still to gain: a Gaussian process over features of curves, averaged over its kernels.

From a handful of runs no kernel stands out. The one that fits best knows nothing of the doubt about itself and is too
sure; the average over all, weighted by how well each explains the runs, is not. Source: Rasmussen and Williams,
"Gaussian Processes for Machine Learning", 2006, equations 2.25, 2.26 and 2.30, and chapter 5.2.
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
"""Of the kernels: squared exponential plus linear plus noise, in standard deviations of the features and the gain.

The linear part is for what the runs that ended do not show: they are the good ones, those to be judged often are not.
"""

LEAST_SPREAD = 1e-3
"""Added to the standard deviations: runs that agree to a thousandth of a unit are not known to agree better."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """One of each for every kernel."""

    length_scales: Array
    slopes: Array
    noises: Array


def predict(features: Array, gains: Array, variances: Array, at: Array) -> tuple[Array, Array]:
    """Means and standard deviations of the gains at the rows of `at`.

    `features` has a row for each run, `gains` and `variances` an entry: what it gained, and the doubt about that.
    """
    import numpy as np

    centre, spread = features.mean(axis=0), np.hypot(features.std(axis=0), LEAST_SPREAD)
    mean_gain, gain_spread = gains.mean(), np.hypot(gains.std(), LEAST_SPREAD)
    inputs, points = (features - centre) / spread, (at - centre) / spread
    targets = (gains - mean_gain) / gain_spread
    weights, means, spreads = _posteriors(inputs, targets, variances / gain_spread**2, points)
    mean = weights @ means
    variance = weights @ (spreads + (means - mean) ** 2)
    return mean_gain + gain_spread * mean, gain_spread * np.sqrt(np.maximum(variance, 1e-9))


def _posteriors(inputs: Array, targets: Array, variances: Array, points: Array) -> tuple[Array, Array, Array]:
    """The probability of each kernel, and the means and the variances that it predicts: a row for each kernel."""
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
    """Of every kernel, between the rows of both."""
    import numpy as np

    distances = ((left[:, None] - right[None]) ** 2).sum(axis=-1)
    bent: Array = np.exp(-distances / (2 * kernels.length_scales[:, None, None] ** 2))
    return bent + kernels.slopes[:, None, None] * (left @ right.T)


@cache
def _kernels() -> Kernels:
    import numpy as np

    grid = np.meshgrid(LENGTH_SCALES, SLOPES, NOISES, indexing="ij")
    return Kernels(*(values.ravel() for values in grid))
