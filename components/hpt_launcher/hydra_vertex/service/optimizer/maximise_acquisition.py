"""Finds the row with the highest acquisition: many candidates, then the best of them refined."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from .encoding import Encoding, Matrix

CANDIDATES = 1000
NEAR_BEST = 5
NEAR_EACH = 100
REFINED = 6
ROUNDS = 3
MOST_STEPS = 40
MOST_NEIGHBOURS = 24
EXACT_DECIMALS = 12


class Acquisition(Protocol):
    """What is maximised."""

    def __call__(self, rows: Matrix) -> Matrix:
        """The value at each row."""

    def with_slopes(self, row: Matrix) -> tuple[float, Matrix]:
        """The value at one row and its derivatives by the row's cells."""


def best_row(
    encoding: Encoding, acquisition: Acquisition, best: Matrix, taken: Matrix, source: np.random.Generator
) -> Matrix | None:
    """The row to try next; None when every candidate is taken. `best` are the best rows known, the first one first."""
    candidates = _untaken(_candidates(encoding, best, source), taken)
    if not len(candidates):
        return None
    values = acquisition(candidates)
    starts = candidates[_spread(candidates, values, REFINED)]
    refined = np.array([_refine(encoding, acquisition, row) for row in starts])
    final = _untaken(np.vstack([refined, starts]), taken)
    return np.asarray(final[int(np.argmax(acquisition(final)))])


def _candidates(encoding: Encoding, best: Matrix, source: np.random.Generator) -> Matrix:
    width = len(encoding)
    everywhere = encoding.from_units(source.random((CANDIDATES, width)))
    near = np.repeat(best[:NEAR_BEST], NEAR_EACH, axis=0)
    steps = source.standard_normal(near.shape) * 10.0 ** source.uniform(-3.0, -0.5, (len(near), 1))
    moved = source.random(near.shape) < np.maximum(0.4, 1.0 / width)
    other = encoding.from_units(source.random(near.shape))
    jump = encoding.categories | ~encoding.active(near)
    local = np.where(moved, np.where(jump, other, near + steps), near)
    # A parameter that a jump has made active has no cell of its own yet.
    fresh = encoding.active(encoding.snap(np.where(encoding.categories, local, near))) & ~encoding.active(near)
    return np.vstack([everywhere, encoding.snap(np.where(fresh, other, local))])


def _untaken(rows: Matrix, taken: Matrix) -> Matrix:
    known = {row.tobytes() for row in _exact(taken)}
    return rows[[row.tobytes() not in known for row in _exact(rows)]]


def _exact(rows: Matrix) -> Matrix:
    return np.round(rows, EXACT_DECIMALS) + 0.0


def _spread(rows: Matrix, values: Matrix, count: int) -> NDArray[np.intp]:
    """The best rows that are not all beside each other: each is the best of what is far enough from those before."""
    order = np.argsort(-values)
    chosen = [order[0]]
    for index in order[1:]:
        if len(chosen) == count:
            break
        if min(np.abs(rows[index] - rows[other]).max() for other in chosen) > 0.05:
            chosen.append(index)
    return np.array(chosen)


def _refine(encoding: Encoding, acquisition: Acquisition, row: Matrix) -> Matrix:
    """Climb by the continuous parameters, then by single steps of the others, while that helps."""
    row = _climb(encoding, acquisition, row)
    for _ in range(ROUNDS):
        neighbours = _neighbours(encoding, row)
        if not len(neighbours):
            break
        values = acquisition(np.vstack([row[None, :], neighbours]))
        if int(np.argmax(values)) == 0:
            break
        row = _climb(encoding, acquisition, neighbours[int(np.argmax(values)) - 1])
    return row


def _climb(encoding: Encoding, acquisition: Acquisition, row: Matrix) -> Matrix:
    active = encoding.active(row[None, :])[0]
    free = np.flatnonzero([column.places is None for column in encoding.columns] & active)
    if not len(free):
        return row

    def descend(cells: Matrix) -> tuple[float, Matrix]:
        full = row.copy()
        full[free] = cells
        value, slopes = acquisition.with_slopes(full)
        return -value, -slopes[free]

    bounds = [(0.0, 1.0)] * len(free)
    found = minimize(descend, row[free], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MOST_STEPS})
    climbed = row.copy()
    climbed[free] = np.clip(found.x, 0.0, 1.0)
    return np.asarray(encoding.snap(climbed[None, :])[0])


def _neighbours(encoding: Encoding, row: Matrix) -> Matrix:
    """The row with one of its finite parameters changed: to any other value, where there are many to one close by."""
    active = encoding.active(row[None, :])[0]
    found = []
    for j, column in enumerate(encoding.columns):
        if column.places is None or not active[j]:
            continue
        others = column.places[column.places != row[j]]
        nearest = others[np.argsort(np.abs(others - row[j]), kind="stable")[:MOST_NEIGHBOURS]]
        block = np.repeat(row[None, :], len(nearest), axis=0)
        block[:, j] = nearest
        found.append(block)
    return encoding.snap(np.vstack(found)) if found else np.empty((0, len(row)))
