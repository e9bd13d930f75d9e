"""Points as the rows of a matrix: what the model sees of a space.

A number is its fraction in [0, 1] of the axis, on the axis's scale; a category is its index. An inactive parameter has
one value that every point without it shares, so that it makes no two such points differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hydra_vertex.service.space.axes import ChoiceAxis, Coordinate, FloatAxis, ParameterAxis
from hydra_vertex.service.space.search_space import Dimension, Point, Space

Matrix = NDArray[np.float64]

INACTIVE_NUMBER = 0.5
INACTIVE_CATEGORY = -1.0
MOST_PLACES = 1024
"""A finite axis with more values than this is continuous to the model, and rounded afterwards."""


class Column:
    """How one parameter is encoded. `places` are the only values there are, ascending; None when it is continuous."""

    def __init__(self, dimension: Dimension) -> None:
        self.dimension = dimension
        self.axis: ParameterAxis = dimension.axis
        self.is_category = isinstance(self.axis, ChoiceAxis) and not self.axis.ordered
        self.inactive = INACTIVE_CATEGORY if self.is_category else INACTIVE_NUMBER
        self.places = _places(self.axis, self.is_category)

    def encode(self, coordinate: Coordinate) -> float:
        """The cell of a coordinate."""
        return float(coordinate) if self.is_category else self.axis.unit(coordinate)

    def decode(self, cell: float) -> Coordinate:
        """The coordinate of a cell."""
        if self.places is None or isinstance(self.axis, FloatAxis):
            return self.axis.at(cell)
        return self.axis.nth(int(_nearest(self.places, np.array([cell]))[0]))

    def snap(self, cells: Matrix) -> Matrix:
        """The nearest cells that a coordinate has."""
        if self.places is None:
            return np.asarray(np.clip(cells, 0.0, 1.0))
        return np.asarray(self.places[_nearest(self.places, cells)])

    def from_units(self, units: Matrix) -> Matrix:
        """Cells drawn by fractions in [0, 1): every place has an equal share of a choice, as its axis deals them."""
        if self.places is None:
            return units
        if isinstance(self.axis, ChoiceAxis):
            indices = np.minimum((units * len(self.places)).astype(int), len(self.places) - 1)
            return np.asarray(self.places[indices])
        return self.snap(units)


class Encoding:
    """The columns of a space."""

    def __init__(self, space: Space) -> None:
        self.columns = tuple(Column(dimension) for dimension in space.dimensions)
        self.categories = np.array([column.is_category for column in self.columns])
        self._index = {column.dimension.name: index for index, column in enumerate(self.columns)}

    def __len__(self) -> int:
        return len(self.columns)

    def rows(self, points: Sequence[Point]) -> Matrix:
        """One row for each point."""
        cells = [
            [c.encode(p[c.dimension.name]) if c.dimension.name in p else c.inactive for c in self.columns]
            for p in points
        ]
        return np.array(cells, dtype=np.float64).reshape(len(points), len(self.columns))

    def point(self, row: Matrix) -> dict[str, Coordinate]:
        """The point of a row."""
        point: dict[str, Coordinate] = {}
        for column, cell in zip(self.columns, row, strict=True):
            if column.dimension.is_active(point):
                point[column.dimension.name] = column.decode(float(cell))
        return point

    def from_units(self, units: Matrix) -> Matrix:
        """Rows of points drawn by fractions in [0, 1)."""
        rows = np.column_stack([column.from_units(units[:, j]) for j, column in enumerate(self.columns)])
        return self._without_inactive(rows)

    def snap(self, rows: Matrix) -> Matrix:
        """The nearest rows that are of points."""
        snapped = np.column_stack([column.snap(rows[:, j]) for j, column in enumerate(self.columns)])
        return self._without_inactive(snapped)

    def active(self, rows: Matrix) -> NDArray[np.bool_]:
        """Which parameters the points of the rows have."""
        active = np.ones(rows.shape, dtype=bool)
        for j, column in enumerate(self.columns):
            if column.dimension.parent is not None:
                i = self._index[column.dimension.parent]
                active[:, j] = active[:, i] & self._holds(column.dimension, rows[:, i], i)
        return active

    def _holds(self, dimension: Dimension, cells: Matrix, parent: int) -> NDArray[np.bool_]:
        column = self.columns[parent]
        if column.places is None:
            return np.array([column.axis.at(float(cell)) in dimension.when for cell in cells], dtype=bool)
        return np.isin(cells, [column.encode(coordinate) for coordinate in dimension.when])

    def _without_inactive(self, rows: Matrix) -> Matrix:
        inactive = np.array([column.inactive for column in self.columns])
        return np.where(self.active(rows), rows, inactive)


def _places(axis: ParameterAxis, is_category: bool) -> Matrix | None:
    if isinstance(axis, FloatAxis):
        return np.array([0.5]) if axis.low == axis.high else None
    if axis.size > MOST_PLACES:
        return None
    return np.array([float(i) if is_category else axis.unit(axis.nth(i)) for i in range(axis.size)])


def _nearest(places: Matrix, cells: Matrix) -> NDArray[np.intp]:
    return np.searchsorted((places[1:] + places[:-1]) / 2, cells)
