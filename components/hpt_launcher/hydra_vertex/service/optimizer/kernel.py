"""The Matérn-5/2 kernel with one length scale for each dimension. Two different categories are at distance 1.

Source: Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), equation 4.17 with nu = 5/2, and
section 5.1 for a length scale for each dimension (automatic relevance determination).

Shapes in this module: p and q rows, d encoded dimensions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .encoding import Array

SQRT_5 = math.sqrt(5.0)


def squared_differences(a: Array, b: Array, categories: NDArray[np.bool_]) -> Array:
    """Return the squared differences `(d, p, q)` of the rows of `a` `(p, d)` and `b` `(q, d)`, by dimension.

    `categories` `(d,)`: in which dimensions the difference is 1 for unequal cells and 0 for equal ones.
    """
    differences = a.T[:, :, None] - b.T[:, None, :]
    differences[categories] = differences[categories] != 0.0
    differences *= differences
    return differences


def scaled_distances(a: Array, b: Array, categories: NDArray[np.bool_], lengthscales: Array) -> Array:
    """Return the squared distances `(p, q)` of the rows of `a` `(p, d)` and `b` `(q, d)` in units of `lengthscales`.

    `categories` and `lengthscales` are `(d,)`. Needs the memory of `(p, q)`, not of `(d, p, q)`.
    """
    numbers = ~categories
    u, v = a[:, numbers] / lengthscales[numbers], b[:, numbers] / lengthscales[numbers]
    total = np.square(u).sum(1)[:, None] + np.square(v).sum(1)[None, :] - 2.0 * (u @ v.T)
    for j in np.flatnonzero(categories):
        total += (a[:, j, None] != b[None, :, j]) / lengthscales[j] ** 2
    return np.asarray(np.maximum(total, 0.0))


def matern(squared: Array) -> Array:
    """Return the correlation at each squared scaled distance, of any shape."""
    r = SQRT_5 * np.sqrt(squared)
    return (1.0 + r + r * r / 3.0) * np.exp(-r)


def matern_derivative(squared: Array) -> Array:
    """Return the derivative of `matern` with respect to the squared scaled distance, of any shape."""
    r = SQRT_5 * np.sqrt(squared)
    return (-5.0 / 6.0) * (1.0 + r) * np.exp(-r)
