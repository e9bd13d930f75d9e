"""The Matérn-5/2 kernel with one length scale for each parameter; a category is at distance 0 or 1 from another."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .encoding import Matrix

SQRT_5 = math.sqrt(5.0)


def squared_differences(a: Matrix, b: Matrix, categories: NDArray[np.bool_]) -> Matrix:
    """For each parameter the squared difference of each row of `a` to each of `b`: (parameters, rows, rows)."""
    differences = a.T[:, :, None] - b.T[:, None, :]
    differences[categories] = differences[categories] != 0.0
    differences *= differences
    return differences


def scaled_distances(a: Matrix, b: Matrix, categories: NDArray[np.bool_], lengthscales: Matrix) -> Matrix:
    """The squared distances after division by the length scales, in memory of one matrix."""
    numbers = ~categories
    u, v = a[:, numbers] / lengthscales[numbers], b[:, numbers] / lengthscales[numbers]
    total = np.square(u).sum(1)[:, None] + np.square(v).sum(1)[None, :] - 2.0 * (u @ v.T)
    for j in np.flatnonzero(categories):
        total += (a[:, j, None] != b[None, :, j]) / lengthscales[j] ** 2
    return np.asarray(np.maximum(total, 0.0))


def matern(squared: Matrix) -> Matrix:
    """The correlation at a squared scaled distance."""
    r = SQRT_5 * np.sqrt(squared)
    return (1.0 + r + r * r / 3.0) * np.exp(-r)


def matern_slope(squared: Matrix) -> Matrix:
    """The derivative of `matern` by the squared scaled distance."""
    r = SQRT_5 * np.sqrt(squared)
    return (-5.0 / 6.0) * (1.0 + r) * np.exp(-r)
