"""One parameter as an axis for an optimiser: numbers on a linear or logarithmic range, or choices among a few."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from hydra_vertex.job import Categorical, Discrete, DoubleRange, IntegerRange, ParameterSpec, ParameterValue, ScaleType

Coordinate: TypeAlias = float | int
"""A parameter's value on its axis: a float on a FloatAxis, an int on the others."""

SAME_VALUE_WITHIN = 1e-10
"""Discrete values that are nearer to each other are one, as the API documents it for conditions."""


@dataclass(frozen=True, slots=True)
class FloatAxis:
    """Doubles from `low` to `high`, both inclusive. Mirrored: the coordinate is `low + high - value`."""

    low: float
    high: float
    log: bool = False
    mirrored: bool = False

    def at(self, unit: float) -> float:
        """The coordinate at a fraction in [0, 1] of the axis."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return min(max(math.exp(low + unit * (high - low)), self.low), self.high)
        return min(max(self.low + unit * (self.high - self.low), self.low), self.high)

    def unit(self, coordinate: Coordinate) -> float:
        """The fraction in [0, 1] at which a coordinate lies; the middle of an axis without length."""
        low, high, x = self.low, self.high, min(max(float(coordinate), self.low), self.high)
        if self.log:
            low, high, x = math.log(low), math.log(high), math.log(x)
        length = high - low
        return (x - low) / length if 0 < length < math.inf else 0.5

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
        """The coordinate at a fraction in [0, 1] of the axis; each has a share, on a log axis a shrinking one."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(low + unit * (high - low))), self.low), self.high)
        return min(self.low + int(unit * self.size), self.high)

    def unit(self, coordinate: Coordinate) -> float:
        """The fraction at which a coordinate lies, in its share of the axis: at(unit(x)) is x."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            # Far beyond 2**53 the logarithms of neighbours are the same.
            return min(max((math.log(coordinate) - low) / (high - low), 0.0), 1.0) if low < high else 0.5
        return (coordinate - self.low + 0.5) / self.size

    def value(self, coordinate: Coordinate) -> ParameterValue:
        """The parameter's value at a coordinate: a whole number, as a double, as the API has it.

        Beyond 2**53 that is one near it, and no number outside of the axis.
        """
        value = float(self.low + self.high - int(coordinate) if self.mirrored else int(coordinate))
        if value > self.high:
            return math.nextafter(value, -math.inf)
        return math.nextafter(value, math.inf) if value < self.low else value

    def coordinate(self, value: ParameterValue) -> Coordinate:
        """Where a value lies."""
        number = min(max(round(float(value)), self.low), self.high)
        return self.low + self.high - number if self.mirrored else number

    def nth(self, index: int) -> int:
        """The coordinate with that index, from 0."""
        return self.low + index


@dataclass(frozen=True, slots=True)
class ChoiceAxis:
    """One of a list of values, by its index. Ordered: neighbours on the axis are alike.

    `units` are the places of ordered values, ascending in [0, 1], where they are not as evenly spaced as their indices.
    """

    values: tuple[ParameterValue, ...]
    ordered: bool
    units: tuple[float, ...] | None = None

    @property
    def size(self) -> int:
        """How many coordinates there are."""
        return len(self.values)

    def at(self, unit: float) -> int:
        """The index at a fraction in [0, 1] of the axis: every value has an equal share, wherever it is placed."""
        return min(int(unit * self.size), self.size - 1)

    def unit(self, coordinate: Coordinate) -> float:
        """The fraction at which an index is placed."""
        return (coordinate + 0.5) / self.size if self.units is None else self.units[int(coordinate)]

    def value(self, coordinate: Coordinate) -> ParameterValue:
        """The parameter's value at an index."""
        return self.values[int(coordinate)]

    def coordinate(self, value: ParameterValue) -> Coordinate:
        """The index of a value, of an ordered one that of the nearest. Raises ValueError for one that is not listed."""
        if not self.ordered:
            return self.values.index(value)
        return min(range(self.size), key=lambda index: abs(float(self.values[index]) - float(value)))

    def nth(self, index: int) -> int:
        """The coordinate with that index: itself."""
        return index


ParameterAxis: TypeAlias = FloatAxis | IntAxis | ChoiceAxis
FiniteAxis: TypeAlias = IntAxis | ChoiceAxis


def axis_of(spec: ParameterSpec) -> ParameterAxis:
    """The axis of one parameter.

    A reverse log scale is fine near its upper end: a log axis of the mirrored value. Discrete values without a scale
    are searched by their index, in which 16, 32, 64, 128 are as evenly spaced as their author meant them.
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
            return ChoiceAxis(values, ordered=True, units=_units(values, spec.scale))


def _units(values: tuple[float, ...], scale: ScaleType | None) -> tuple[float, ...] | None:
    if scale is None or len(values) == 1:
        return None
    axis = FloatAxis(values[0], values[-1], log=scale is not ScaleType.LINEAR)
    if scale is not ScaleType.REVERSE_LOG:
        return tuple(axis.unit(value) for value in values)
    return tuple(1.0 - axis.unit(values[0] + values[-1] - value) for value in values)
