"""The grid of a finite space: each point by its index, without enumeration. The last parameter changes fastest."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .axes import Coordinate, FiniteAxis, FloatAxis
from .search_space import Dimension, Space


@dataclass(frozen=True, slots=True)
class _Node:
    """A parameter and its conditional parameters, `children`: (the coordinates of this one that activate it, node)."""

    name: str
    axis: FiniteAxis
    children: tuple[tuple[frozenset[Coordinate], _Node], ...]

    def below(self, index: int) -> tuple[_Node, ...]:
        """Return the children that are active while this parameter has its coordinate with that index."""
        return tuple(node for when, node in self.children if self.axis.nth(index) in when)

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Yield runs of consecutive indices with equally many points: (first index, number of indices, points at each).

        An index that activates a child is a run of its own; there is one point at each of the others.
        """
        special = {c for when, _ in self.children for c in when}
        first = self.axis.nth(0)
        begin = 0
        for index in sorted(int(c) - first for c in special):
            yield begin, index - begin, 1
            yield index, 1, _size(self.below(index))
            begin = index + 1
        yield begin, self.axis.size - begin, 1

    @property
    def size(self) -> int:
        return sum(count * each for _, count, each in self.runs())

    def at(self, index: int) -> dict[str, Coordinate]:
        for begin, count, each in self.runs():
            if index < count * each:
                value, rest = divmod(index, each)
                return {self.name: self.axis.nth(begin + value), **_at(self.below(begin + value), rest)}
            index -= count * each
        raise IndexError(index)


class Grid:
    """The points of a finite space. Raises ValueError for a space with a continuous axis."""

    def __init__(self, space: Space) -> None:
        by_parent: dict[str | None, list[Dimension]] = defaultdict(list)
        for dimension in space.dimensions:
            by_parent[dimension.parent].append(dimension)
        self._roots = tuple(_node(by_parent, root) for root in by_parent[None])
        self.size = _size(self._roots)

    def point(self, index: int) -> dict[str, Coordinate]:
        """Return the point with that index, from 0 to `size` - 1."""
        return _at(self._roots, index)


def _node(by_parent: Mapping[str | None, Sequence[Dimension]], dimension: Dimension) -> _Node:
    if isinstance(dimension.axis, FloatAxis):
        raise ValueError(f"a grid needs a finite space, and {dimension.name!r} is a double")  # noqa: TRY004 - a value
    children = tuple((child.when, _node(by_parent, child)) for child in by_parent.get(dimension.name, ()))
    return _Node(dimension.name, dimension.axis, children)


def _size(nodes: tuple[_Node, ...]) -> int:
    return math.prod(node.size for node in nodes)


def _at(nodes: tuple[_Node, ...], index: int) -> dict[str, Coordinate]:
    parts: list[dict[str, Coordinate]] = []
    for node in reversed(nodes):
        index, digit = divmod(index, node.size)
        parts.append(node.at(digit))
    return {name: coordinate for part in reversed(parts) for name, coordinate in part.items()}
