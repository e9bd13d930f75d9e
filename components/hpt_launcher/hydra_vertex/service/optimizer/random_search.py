"""Random search, which repeats nothing while a finite space has points left."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hydra_vertex.launcher.job import Trial

from ..grid import Grid
from ..space import Point, Space, key_of, point_at, point_of, values_at
from .protocol import Parameters, seed_of


class RandomSearch:
    """Uniform on every axis, and nothing twice while a finite space has points left."""

    def __init__(self, space: Space, job_id: str) -> None:
        self._space = space
        self._job_id = job_id

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """A random point."""
        source = random.Random(seed_of(self._job_id, number))  # noqa: S311 - sampling, no secret
        point = point_at(self._space, [source.random() for _ in self._space.dimensions])
        return values_at(self._space, unseen(self._space, point, history, source))


def unseen(space: Space, point: Point, history: Sequence[Trial], source: random.Random) -> Point:
    """`point`, or another one when the space is finite, `point` was tried before and not every one was."""
    if not space.is_finite:
        return point
    seen = {key_of(point_of(space, trial.parameters)) for trial in history}
    if key_of(point) not in seen:
        return point
    grid = Grid(space)
    if len(seen) >= grid.size:
        return point
    # Among len(seen) + 1 points in a row at least one is new, however large the space is.
    start = source.randrange(grid.size)
    candidates = (grid.point((start + offset) % grid.size) for offset in range(len(seen) + 1))
    return next(candidate for candidate in candidates if key_of(candidate) not in seen)
