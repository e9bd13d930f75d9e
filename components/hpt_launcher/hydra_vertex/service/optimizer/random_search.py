"""Random search, which repeats nothing while there is anything left."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import TypeAlias

from hydra_vertex.job import Trial
from hydra_vertex.service.space.axes import Coordinate
from hydra_vertex.service.space.grid import Grid
from hydra_vertex.service.space.search_space import Point, Space, has_double, key_of, point_at, point_of, values_at

from .protocol import Parameters, seed_of

MOST_DRAWS = 100
Key: TypeAlias = frozenset[tuple[str, Coordinate]]


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
    """`point`, or another one when `point` was tried before and, in a finite space, not every one was.

    With a double among its parameters a point is taken as new.
    """
    if has_double(space, point):
        return point
    seen = {key_of(point_of(space, trial.parameters)) for trial in history}
    if key_of(point) not in seen:
        return point
    if not space.is_finite:
        return _redrawn(space, seen, source) or point
    grid = Grid(space)
    if len(seen) >= grid.size:
        return point
    # Among len(seen) + 1 points in a row at least one is new, however large the space is.
    start = source.randrange(grid.size)
    candidates = (grid.point((start + offset) % grid.size) for offset in range(len(seen) + 1))
    return next(candidate for candidate in candidates if key_of(candidate) not in seen)


def _redrawn(space: Space, seen: Collection[Key], source: random.Random) -> Point | None:
    """A random point that is new: only a branch without doubles can be used up, and the others never are."""
    drawn = (point_at(space, [source.random() for _ in space.dimensions]) for _ in range(MOST_DRAWS))
    return next((point for point in drawn if key_of(point) not in seen), None)
