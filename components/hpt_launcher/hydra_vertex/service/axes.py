"""A search space as axes for an optimiser: numbers on a linear or logarithmic range, or choices among a few."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hydra_vertex.launcher.job import (
    Categorical,
    Discrete,
    DoubleRange,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    ScaleType,
)

Coordinate: TypeAlias = float | int
"""A parameter's value on its axis: a float on a FloatAxis, an int on the others."""


@dataclass(frozen=True, slots=True)
class FloatAxis:
    """Doubles from `low` to `high`, both inclusive. Mirrored: the coordinate is `low + high - value`."""

    low: float
    high: float
    log: bool = False
    mirrored: bool = False

    def at(self, unit: float) -> float:
        """The coordinate at a fraction in [0, 1) of the axis."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return min(max(math.exp(low + unit * (high - low)), self.low), self.high)
        return min(max(self.low + unit * (self.high - self.low), self.low), self.high)

    def value(self, coordinate: Coordinate) -> ParameterValue:
        """The parameter's value at a coordinate."""
        value = self.low + self.high - coordinate if self.mirrored else float(coordinate)
        return min(max(value, self.low), self.high)

    def coordinate(self, value: ParameterValue) -> Coordinate:
        """Where a value lies."""
        number = float(value)
        return min(max(self.low + self.high - number, self.low), self.high) if self.mirrored else number


@dataclass(frozen=True, slots=True)
class IntAxis:
    """Whole numbers from `low` to `high`, both inclusive. Mirrored: the coordinate is `low + high - value`."""

    low: int
    high: int
    log: bool = False
    mirrored: bool = False

    @property
    def size(self) -> int:
        """How many coordinates there are."""
        return self.high - self.low + 1

    def at(self, unit: float) -> int:
        """The coordinate at a fraction in [0, 1) of the axis; each has a share, on a log axis a shrinking one."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(low + unit * (high - low))), self.low), self.high)
        return min(self.low + int(unit * self.size), self.high)

    def value(self, coordinate: Coordinate) -> ParameterValue:
        """The parameter's value at a coordinate: a whole number, as a double, as the API has it."""
        return float(self.low + self.high - int(coordinate) if self.mirrored else int(coordinate))

    def coordinate(self, value: ParameterValue) -> Coordinate:
        """Where a value lies."""
        number = round(float(value))
        return self.low + self.high - number if self.mirrored else number

    def nth(self, index: int) -> int:
        """The coordinate with that index, from 0."""
        return self.low + index


@dataclass(frozen=True, slots=True)
class ChoiceAxis:
    """One of a list of values, by its index. Ordered: neighbours on the axis are alike."""

    values: tuple[ParameterValue, ...]
    ordered: bool

    @property
    def size(self) -> int:
        """How many coordinates there are."""
        return len(self.values)

    def at(self, unit: float) -> int:
        """The index at a fraction in [0, 1) of the axis."""
        return min(int(unit * self.size), self.size - 1)

    def value(self, coordinate: Coordinate) -> ParameterValue:
        """The parameter's value at an index."""
        return self.values[int(coordinate)]

    def coordinate(self, value: ParameterValue) -> Coordinate:
        """The index of a value."""
        return self.values.index(value)

    def nth(self, index: int) -> int:
        """The coordinate with that index: itself."""
        return index


Axis: TypeAlias = FloatAxis | IntAxis | ChoiceAxis
FiniteAxis: TypeAlias = IntAxis | ChoiceAxis
Space: TypeAlias = Mapping[str, Axis]
Point: TypeAlias = Mapping[str, Coordinate]


def space_of(parameters: Sequence[ParameterSpec]) -> dict[str, Axis]:
    """The axes of a study's parameters, in their order."""
    return {spec.id: axis_of(spec) for spec in parameters}


def axis_of(spec: ParameterSpec) -> Axis:
    """The axis of one parameter.

    A reverse log scale is fine near its upper end: a log axis of the mirrored value. Discrete values are searched by
    their index, in which 16, 32, 64, 128 are as evenly spaced as their author meant them.
    """
    log = spec.scale in {ScaleType.LOG, ScaleType.REVERSE_LOG}
    mirrored = spec.scale is ScaleType.REVERSE_LOG
    match spec.domain:
        case DoubleRange(low, high):
            return FloatAxis(low, high, log, mirrored)
        case IntegerRange(low, high):
            return IntAxis(low, high, log, mirrored)
        case Categorical(values):
            return ChoiceAxis(values, ordered=False)
        case Discrete(values):
            return ChoiceAxis(values, ordered=True)


def values_at(space: Space, point: Point) -> dict[str, ParameterValue]:
    """The parameters at a point."""
    return {name: axis.value(point[name]) for name, axis in space.items()}


def point_of(space: Space, parameters: Mapping[str, ParameterValue]) -> dict[str, Coordinate]:
    """The point of a trial's parameters."""
    return {name: axis.coordinate(parameters[name]) for name, axis in space.items()}


def finite_axes(space: Space) -> dict[str, FiniteAxis] | None:
    """The axes when each of them has a number of coordinates; None when one is continuous."""
    finite = {name: axis for name, axis in space.items() if not isinstance(axis, FloatAxis)}
    return finite if len(finite) == len(space) else None


def grid_size(axes: Mapping[str, FiniteAxis]) -> int:
    """The number of points."""
    return math.prod(axis.size for axis in axes.values())


def grid_point(axes: Mapping[str, FiniteAxis], index: int) -> dict[str, Coordinate]:
    """The point with that index, from 0; the last axis changes fastest."""
    point: dict[str, Coordinate] = {}
    for name, axis in reversed(list(axes.items())):
        index, digit = divmod(index, axis.size)
        point[name] = axis.nth(digit)
    return {name: point[name] for name in axes}
