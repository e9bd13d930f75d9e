"""The search space of a study: one axis for each parameter, and the points in it.

A conditional parameter is active only if its parent has one of certain values; a point has the active parameters alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hydra_vertex.job import Categorical, Discrete, DoubleRange, IntegerRange, ParameterSpec, ParameterValue

from .axes import Coordinate, FloatAxis, ParameterAxis, axis_of

Point: TypeAlias = Mapping[str, Coordinate]
"""The coordinate of each active parameter by name. An inactive conditional parameter is absent."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter. With a `parent` it is active only if the parent is active and has a coordinate in `when`."""

    name: str
    axis: ParameterAxis
    default: Coordinate | None = None
    parent: str | None = None
    when: frozenset[Coordinate] = frozenset()

    def is_active(self, point: Point) -> bool:
        """Whether the parameter is active at a point that already has its parent, if the parent is active."""
        return self.parent is None or point.get(self.parent) in self.when


@dataclass(frozen=True, slots=True)
class Space:
    """The parameters of a study, every parent before its children."""

    dimensions: tuple[Dimension, ...]

    @property
    def is_conditional(self) -> bool:
        """Whether any parameter is conditional."""
        return any(dimension.parent is not None for dimension in self.dimensions)

    @property
    def is_finite(self) -> bool:
        """Whether the number of points is finite: no parameter is a double."""
        return not any(isinstance(dimension.axis, FloatAxis) for dimension in self.dimensions)


def space_of(parameters: Sequence[ParameterSpec]) -> Space:
    """Return the space of a study's parameters, in their order, each followed by its conditional parameters."""
    return Space(tuple(dimension for spec in parameters for dimension in _dimensions(spec)))


def _dimensions(
    spec: ParameterSpec, parent: str | None = None, when: frozenset[Coordinate] = frozenset()
) -> Iterator[Dimension]:
    axis = axis_of(spec)
    default = _default(spec)
    yield Dimension(spec.id, axis, None if default is None else axis.coordinate(default), parent, when)
    for child in spec.children:
        yield from _dimensions(child.spec, spec.id, frozenset(axis.coordinate(value) for value in child.when))


def _default(spec: ParameterSpec) -> ParameterValue | None:
    match spec.domain:
        case DoubleRange(default=default) | IntegerRange(default=default):
            return default
        case Categorical(default=text):
            return text
        case Discrete(default=number):
            return number


def point_at(space: Space, units: Sequence[float]) -> dict[str, Coordinate]:
    """Return the point at one fraction in [0, 1] of each axis; the fraction of an inactive parameter has no effect.

    Raises ValueError unless there are as many `units` as dimensions.
    """
    point: dict[str, Coordinate] = {}
    for dimension, unit in zip(space.dimensions, units, strict=True):
        if dimension.is_active(point):
            point[dimension.name] = dimension.axis.at(unit)
    return point


def default_point(space: Space) -> dict[str, Coordinate]:
    """Return the point of the default values; the middle of the axis where a parameter has none."""
    point: dict[str, Coordinate] = {}
    for dimension in space.dimensions:
        if dimension.is_active(point):
            default = dimension.default
            point[dimension.name] = dimension.axis.at(0.5) if default is None else default
    return point


def values_at(space: Space, point: Point) -> dict[str, ParameterValue]:
    """Return the values of the parameters at a point, in the order of the space."""
    return {d.name: d.axis.value(point[d.name]) for d in space.dimensions if d.name in point}


def point_of(space: Space, parameters: Mapping[str, ParameterValue]) -> dict[str, Coordinate]:
    """Return the point of a trial's parameters."""
    return {d.name: d.axis.coordinate(parameters[d.name]) for d in space.dimensions if d.name in parameters}


def has_double(space: Space, point: Point) -> bool:
    """Whether any active parameter of the point is a double."""
    return any(isinstance(dimension.axis, FloatAxis) for dimension in space.dimensions if dimension.name in point)


def key_of(point: Point) -> frozenset[tuple[str, Coordinate]]:
    """Return a hashable key that two points share exactly if they are equal."""
    return frozenset(point.items())
