"""Maximise the acquisition function: evaluate many candidate rows, then refine the best of them.

Shapes in this module: m candidate rows, d encoded dimensions, t rows that were already tried.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from .encoding import Array, Encoding

CANDIDATES = 1000
"""Candidates that are drawn uniformly from the whole space."""

LOCAL_CENTRES = 5
LOCAL_CANDIDATES = 100
"""Candidates near each of the LOCAL_CENTRES best rows."""

STARTS = 6
"""The candidates that are refined."""

REFINEMENTS = 3
MAX_ITERATIONS = 40
MAX_NEIGHBOURS = 24
TRIED_DECIMALS = 12
"""Two rows are the same if they agree when rounded to this many decimals."""


class Acquisition(Protocol):
    """The function that is maximised."""

    def __call__(self, rows: Array) -> Array:
        """Return the values `(m,)` at `rows` `(m, d)`."""

    def with_gradient(self, row: Array) -> tuple[float, Array]:
        """Return the value at one `row` `(d,)` and its gradient `(d,)` with respect to the row's cells."""


def best_row(
    encoding: Encoding, acquisition: Acquisition, best: Array, tried: Array, rng: np.random.Generator
) -> Array | None:
    """Return the row `(d,)` to try next; None if every candidate is among the `tried` rows `(t, d)`.

    `best` has the modelled rows, `(n, d)`, in the order of their predicted means, the best one first.
    """
    candidates = _untried(_candidates(encoding, best, rng), tried)
    if not len(candidates):
        return None
    values = acquisition(candidates)
    starts = candidates[_distant_maxima(candidates, values, STARTS)]
    refined = np.array([_refine(encoding, acquisition, row) for row in starts])
    final = _untried(np.vstack([refined, starts]), tried)
    return np.asarray(final[int(np.argmax(acquisition(final)))])


def _candidates(encoding: Encoding, best: Array, rng: np.random.Generator) -> Array:
    """Return candidate rows `(m, d)`: uniform ones, and changes of the best of the rows `best` `(n, d)`.

    Each cell is changed with probability 0.4, or 1/d if that is more: a number by a normal step, whose standard
    deviation is log-uniform in [10**-3, 10**-0.5] for the whole row, a category to one drawn at random.
    """
    width = len(encoding)
    everywhere = encoding.from_units(rng.random((CANDIDATES, width)))
    near = np.repeat(best[:LOCAL_CENTRES], LOCAL_CANDIDATES, axis=0)
    steps = rng.standard_normal(near.shape) * 10.0 ** rng.uniform(-3.0, -0.5, (len(near), 1))
    moved = rng.random(near.shape) < np.maximum(0.4, 1.0 / width)
    other = encoding.from_units(rng.random(near.shape))
    jump = encoding.categories | ~encoding.active(near)
    local = np.where(moved, np.where(jump, other, near + steps), near)
    # A parameter that becomes active with the new category has no cell of its own yet: it is drawn anew.
    fresh = encoding.active(encoding.snap(np.where(encoding.categories, local, near))) & ~encoding.active(near)
    return np.vstack([everywhere, encoding.snap(np.where(fresh, other, local))])


def _untried(rows: Array, tried: Array) -> Array:
    """Return those of the `rows` `(m, d)` that are not among the `tried` `(t, d)`."""
    known = {row.tobytes() for row in _rounded(tried)}
    return rows[[row.tobytes() not in known for row in _rounded(rows)]]


def _rounded(rows: Array) -> Array:
    return np.round(rows, TRIED_DECIMALS) + 0.0


def _distant_maxima(rows: Array, values: Array, count: int) -> NDArray[np.intp]:
    """Return the indices of up to `count` of the `rows` `(m, d)` with the highest `values` `(m,)`.

    Each differs by more than 0.05 in some dimension from those before it.
    """
    order = np.argsort(-values)
    chosen = [order[0]]
    for index in order[1:]:
        if len(chosen) == count:
            break
        if min(np.abs(rows[index] - rows[other]).max() for other in chosen) > 0.05:
            chosen.append(index)
    return np.array(chosen)


def _refine(encoding: Encoding, acquisition: Acquisition, row: Array) -> Array:
    """Return `row` `(d,)` after a local search: gradient ascent, then single changes of finite parameters, repeated."""
    row = _ascend(encoding, acquisition, row)
    for _ in range(REFINEMENTS):
        neighbours = _neighbours(encoding, row)
        if not len(neighbours):
            break
        values = acquisition(np.vstack([row[None, :], neighbours]))
        if int(np.argmax(values)) == 0:
            break
        row = _ascend(encoding, acquisition, neighbours[int(np.argmax(values)) - 1])
    return row


def _ascend(encoding: Encoding, acquisition: Acquisition, row: Array) -> Array:
    """Return `row` `(d,)` with its active continuous cells at a local maximum, found by L-BFGS-B."""
    active = encoding.active(row[None, :])[0]
    free = np.flatnonzero([column.levels is None for column in encoding.columns] & active)
    if not len(free):
        return row

    def negative(cells: Array) -> tuple[float, Array]:
        full = row.copy()
        full[free] = cells
        value, gradient = acquisition.with_gradient(full)
        return -value, -gradient[free]

    bounds = [(0.0, 1.0)] * len(free)
    found = minimize(
        negative, row[free], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MAX_ITERATIONS}
    )
    ascended = row.copy()
    ascended[free] = np.clip(found.x, 0.0, 1.0)
    return np.asarray(encoding.snap(ascended[None, :])[0])


def _neighbours(encoding: Encoding, row: Array) -> Array:
    """Return the rows `(m, d)` that differ from `row` `(d,)` in one active finite parameter.

    Each parameter is changed to its MAX_NEIGHBOURS nearest other levels.
    """
    active = encoding.active(row[None, :])[0]
    found = []
    for j, column in enumerate(encoding.columns):
        if column.levels is None or not active[j]:
            continue
        others = column.levels[column.levels != row[j]]
        nearest = others[np.argsort(np.abs(others - row[j]), kind="stable")[:MAX_NEIGHBOURS]]
        block = np.repeat(row[None, :], len(nearest), axis=0)
        block[:, j] = nearest
        found.append(block)
    return encoding.snap(np.vstack(found)) if found else np.empty((0, len(row)))
