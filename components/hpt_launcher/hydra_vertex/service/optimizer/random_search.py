"""Random search without repetition: no point twice while an untried one is left."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import TypeAlias

from hydra_vertex.job import Trial
from hydra_vertex.service.space.axes import Coordinate
from hydra_vertex.service.space.grid import Grid
from hydra_vertex.service.space.search_space import (
    Point,
    Space,
    default_point,
    has_double,
    key_of,
    point_at,
    point_of,
    values_at,
)

from .protocol import Parameters, seed_of

MAX_DRAWS = 100
Key: TypeAlias = frozenset[tuple[str, Coordinate]]


class RandomSearch:
    """Suggests points that are uniform on every axis, on its scale; first the default values, if there are any."""

    def __init__(self, space: Space, source: str) -> None:
        self._space = space
        self._source = source

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """Return the parameters of a random point that was not tried before."""
        rng = random.Random(seed_of(self._source, number))  # noqa: S311 - sampling, no secret
        point: Point = point_at(self._space, [rng.random() for _ in self._space.dimensions])
        if number == 1 and any(dimension.default is not None for dimension in self._space.dimensions):
            point = default_point(self._space)
        return values_at(self._space, unseen(self._space, point, history, rng))


def unseen(space: Space, point: Point, history: Sequence[Trial], rng: random.Random) -> Point:
    """Return `point` if no trial has it, otherwise another random point that no trial has.

    Returns `point` itself where none is left in a finite space, or none was found in MAX_DRAWS draws in an infinite
    one. A point with a double among its parameters counts as untried.
    """
    if has_double(space, point):
        return point
    seen = {key_of(point_of(space, trial.parameters)) for trial in history}
    if key_of(point) not in seen:
        return point
    if not space.is_finite:
        return _redrawn(space, seen, rng) or point
    grid = Grid(space)
    if len(seen) >= grid.size:
        return point
    # Of len(seen) + 1 successive points at least one is untried, however large the space is.
    start = rng.randrange(grid.size)
    candidates = (grid.point((start + offset) % grid.size) for offset in range(len(seen) + 1))
    return next(candidate for candidate in candidates if key_of(candidate) not in seen)


def _redrawn(space: Space, seen: Collection[Key], rng: random.Random) -> Point | None:
    """Return a random untried point of an infinite space; None if MAX_DRAWS draws found none.

    Only the branches without a double can run out of points; a draw in any other branch is untried.
    """
    drawn = (point_at(space, [rng.random() for _ in space.dimensions]) for _ in range(MAX_DRAWS))
    return next((point for point in drawn if key_of(point) not in seen), None)
