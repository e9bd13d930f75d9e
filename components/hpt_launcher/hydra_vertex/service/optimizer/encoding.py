"""Encode points of the search space as rows of a matrix for the model, and decode rows to points.

A number is encoded as its fraction in [0, 1] of the axis, on the axis's scale; a category as its index. An inactive
conditional parameter has one fixed cell, so that it adds no distance between two points that do not have it.

Shapes in this module: m rows, d columns (one for each parameter of the space), k levels of a finite axis.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hydra_vertex.service.space.axes import ChoiceAxis, Coordinate, FloatAxis, ParameterAxis
from hydra_vertex.service.space.search_space import Dimension, Point, Space

Array = NDArray[np.float64]
"""An array of float64. Its shape is stated where it is used.

Units: rows of width d are encoded points, in the unit cube [0, 1]^d except for category indices; outcomes are
standardised (mean 0, variance 1); losses are in the unit of the metric.
"""

INACTIVE_NUMBER = 0.5
INACTIVE_CATEGORY = -1.0
MAX_LEVELS = 1024
"""A finite axis with more values than this is continuous in the model; the suggestion is rounded afterwards."""


class Column:
    """Encodes one parameter. `levels` `(k,)`: the cells of a finite axis, ascending; None if it is continuous."""

    def __init__(self, dimension: Dimension) -> None:
        self.dimension = dimension
        self.axis: ParameterAxis = dimension.axis
        self.is_category = isinstance(self.axis, ChoiceAxis) and not self.axis.ordered
        self.inactive = INACTIVE_CATEGORY if self.is_category else INACTIVE_NUMBER
        self.levels = _levels(self.axis, self.is_category)

    def encode(self, coordinate: Coordinate) -> float:
        """Return the cell of a coordinate."""
        return float(coordinate) if self.is_category else self.axis.unit(coordinate)

    def decode(self, cell: float) -> Coordinate:
        """Return the coordinate of a cell; of a finite axis, the one whose level is nearest."""
        if self.levels is None or isinstance(self.axis, FloatAxis):
            return self.axis.at(cell)
        return self.axis.nth(int(_nearest(self.levels, np.array([cell]))[0]))

    def snap(self, cells: Array) -> Array:
        """Round `cells` `(m,)` to the nearest level, or clip them to [0, 1] on a continuous axis. Returns `(m,)`."""
        if self.levels is None:
            return np.asarray(np.clip(cells, 0.0, 1.0))
        return np.asarray(self.levels[_nearest(self.levels, cells)])

    def from_units(self, units: Array) -> Array:
        """Map `units` `(m,)`, fractions in [0, 1), to cells `(m,)`.

        Every level of a choice has an equal share of [0, 1), also where its levels are not evenly spaced.
        """
        if self.levels is None:
            return units
        if isinstance(self.axis, ChoiceAxis):
            indices = np.minimum((units * len(self.levels)).astype(int), len(self.levels) - 1)
            return np.asarray(self.levels[indices])
        return self.snap(units)


class Encoding:
    """The columns of a space. `categories` `(d,)`: which columns hold category indices."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.columns = tuple(Column(dimension) for dimension in space.dimensions)
        self.categories = np.array([column.is_category for column in self.columns])
        self._index = {column.dimension.name: index for index, column in enumerate(self.columns)}

    def __len__(self) -> int:
        return len(self.columns)

    def rows(self, points: Sequence[Point]) -> Array:
        """Return one row for each point: `(len(points), d)`, in the unit cube except for category indices."""
        cells = [
            [c.encode(p[c.dimension.name]) if c.dimension.name in p else c.inactive for c in self.columns]
            for p in points
        ]
        return np.array(cells, dtype=np.float64).reshape(len(points), len(self.columns))

    def point(self, row: Array) -> dict[str, Coordinate]:
        """Return the point of a `row` `(d,)`, with its active parameters alone."""
        point: dict[str, Coordinate] = {}
        for column, cell in zip(self.columns, row, strict=True):
            if column.dimension.is_active(point):
                point[column.dimension.name] = column.decode(float(cell))
        return point

    def from_units(self, units: Array) -> Array:
        """Map `units` `(m, d)`, fractions in [0, 1), to rows `(m, d)`."""
        rows = np.column_stack([column.from_units(units[:, j]) for j, column in enumerate(self.columns)])
        return self._without_inactive(rows)

    def snap(self, rows: Array) -> Array:
        """Round `rows` `(m, d)` to the nearest rows that encode a point. Returns `(m, d)`."""
        snapped = np.column_stack([column.snap(rows[:, j]) for j, column in enumerate(self.columns)])
        return self._without_inactive(snapped)

    def active(self, rows: Array) -> NDArray[np.bool_]:
        """Return which parameters are active in each of the `rows` `(m, d)`: `(m, d)`."""
        active = np.ones(rows.shape, dtype=bool)
        for j, column in enumerate(self.columns):
            if column.dimension.parent is not None:
                i = self._index[column.dimension.parent]
                active[:, j] = active[:, i] & self._meets_condition(column.dimension, rows[:, i], i)
        return active

    def _meets_condition(self, dimension: Dimension, cells: Array, parent: int) -> NDArray[np.bool_]:
        """Whether the parent's `cells` `(m,)` meet the condition of `dimension`: `(m,)`."""
        column = self.columns[parent]
        if column.levels is None:
            return np.array([column.axis.at(float(cell)) in dimension.when for cell in cells], dtype=bool)
        return np.isin(cells, [column.encode(coordinate) for coordinate in dimension.when])

    def _without_inactive(self, rows: Array) -> Array:
        """Return `rows` `(m, d)` with the fixed cell in place of each inactive parameter's."""
        inactive = np.array([column.inactive for column in self.columns])
        return np.where(self.active(rows), rows, inactive)


def _levels(axis: ParameterAxis, is_category: bool) -> Array | None:
    """Return the cells `(k,)` of a finite axis, ascending; None for a continuous one or more than MAX_LEVELS."""
    if isinstance(axis, FloatAxis):
        return np.array([0.5]) if axis.low == axis.high else None
    if axis.size > MAX_LEVELS:
        return None
    return np.array([float(i) if is_category else axis.unit(axis.nth(i)) for i in range(axis.size)])


def _nearest(levels: Array, cells: Array) -> NDArray[np.intp]:
    """Return the index `(m,)` of the level nearest to each of the `cells` `(m,)`; `levels` `(k,)` are ascending."""
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, cells)
