"""Grid search: the points of a finite space in order."""

from __future__ import annotations

from collections.abc import Sequence

from hydra_vertex.job import Trial
from hydra_vertex.service.space.grid import Grid
from hydra_vertex.service.space.search_space import Space, values_at

from .protocol import Parameters


class GridSearch:
    """Suggests every point in turn; the last parameter changes fastest. Starts again after the last point."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._grid = Grid(space)

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:  # noqa: ARG002 - the protocol's signature
        """Return the parameters at the grid point with that number, from 1."""
        return values_at(self._space, self._grid.point((number - 1) % self._grid.size))
