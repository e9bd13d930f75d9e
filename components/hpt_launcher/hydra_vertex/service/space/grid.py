"""The points of a finite space in order, by number and without listing them. The last parameter changes fastest."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .axes import Coordinate, FiniteAxis, FloatAxis
from .search_space import Dimension, Space


@dataclass(frozen=True, slots=True)
class _Node:
    """A parameter with those that depend on it."""

    name: str
    axis: FiniteAxis
    children: tuple[tuple[frozenset[Coordinate], _Node], ...]

    def below(self, index: int) -> tuple[_Node, ...]:
        """The parameters that are active while this one has its value number `index`."""
        return tuple(node for when, node in self.children if self.axis.nth(index) in when)

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Where the next values begin, how many there are, and the number of points at each of them."""
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
    """All points of a finite space. Raises ValueError for one with a continuous axis."""

    def __init__(self, space: Space) -> None:
        by_parent: dict[str | None, list[Dimension]] = defaultdict(list)
        for dimension in space.dimensions:
            by_parent[dimension.parent].append(dimension)
        self._roots = tuple(_node(by_parent, root) for root in by_parent[None])
        self.size = _size(self._roots)

    def point(self, index: int) -> dict[str, Coordinate]:
        """The point with that index, from 0."""
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
