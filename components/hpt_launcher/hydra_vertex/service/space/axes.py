"""One parameter as an axis: doubles or integers on a linear or logarithmic range, or choices from a list.

Each axis converts between three scalars: a parameter's value, its coordinate on the axis, and its fraction (unit) of
the axis in [0, 1], on the axis's scale. No method takes an array.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from hydra_vertex.job import Categorical, Discrete, DoubleRange, IntegerRange, ParameterSpec, ParameterValue, ScaleType

Coordinate: TypeAlias = float | int
"""A position on an axis: a float on a FloatAxis, an int on the others."""

SAME_VALUE_WITHIN = 1e-10
"""Discrete values that differ by less than this are the same value, as the API documents it for conditions."""


@dataclass(frozen=True, slots=True)
class FloatAxis:
    """Doubles from `low` to `high`, both inclusive. If `mirrored`, the coordinate is `low + high - value`."""

    low: float
    high: float
    log: bool = False
    mirrored: bool = False

    def at(self, unit: float) -> float:
        """Return the coordinate at a fraction in [0, 1] of the axis."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return min(max(math.exp(low + unit * (high - low)), self.low), self.high)
        return min(max(self.low + unit * (self.high - self.low), self.low), self.high)

    def unit(self, coordinate: Coordinate) -> float:
        """Return the fraction in [0, 1] of a coordinate; 0.5 where `low` equals `high` or the length overflows."""
        low, high, x = self.low, self.high, min(max(float(coordinate), self.low), self.high)
        if self.log:
            low, high, x = math.log(low), math.log(high), math.log(x)
        length = high - low
        return (x - low) / length if 0 < length < math.inf else 0.5

    def value(self, coordinate: Coordinate) -> ParameterValue:
        """Return the parameter's value at a coordinate."""
        value = self.low + self.high - coordinate if self.mirrored else float(coordinate)
        return min(max(value, self.low), self.high)

    def coordinate(self, value: ParameterValue) -> Coordinate:
        """Return the coordinate of a value, clipped to the range if mirrored."""
        number = float(value)
        return min(max(self.low + self.high - number, self.low), self.high) if self.mirrored else number


@dataclass(frozen=True, slots=True)
class IntAxis:
    """Integers from `low` to `high`, both inclusive. If `mirrored`, the coordinate is `low + high - value`."""

    low: int
    high: int
    log: bool = False
    mirrored: bool = False

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return self.high - self.low + 1

    def at(self, unit: float) -> int:
        """Return the coordinate at a fraction in [0, 1] of the axis.

        The coordinates have equal shares of [0, 1]; on a log axis the share of x is log(x + 0.5) - log(x - 0.5).
        """
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(low + unit * (high - low))), self.low), self.high)
        return min(self.low + int(unit * self.size), self.high)

    def unit(self, coordinate: Coordinate) -> float:
        """Return a fraction within the coordinate's share of the axis: at(unit(x)) is x."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            # Far beyond 2**53 the logarithms of neighbouring integers are equal.
            return min(max((math.log(coordinate) - low) / (high - low), 0.0), 1.0) if low < high else 0.5
        return (coordinate - self.low + 0.5) / self.size

    def value(self, coordinate: Coordinate) -> ParameterValue:
        """Return the parameter's value at a coordinate: an integer as a double, as the API represents it.

        Beyond 2**53 it is a double near the integer, but never one outside the range.
        """
        value = float(self.low + self.high - int(coordinate) if self.mirrored else int(coordinate))
        if value > self.high:
            return math.nextafter(value, -math.inf)
        return math.nextafter(value, math.inf) if value < self.low else value

    def coordinate(self, value: ParameterValue) -> Coordinate:
        """Return the coordinate of a value, which is rounded to an integer and clipped to the range."""
        number = min(max(round(float(value)), self.low), self.high)
        return self.low + self.high - number if self.mirrored else number

    def nth(self, index: int) -> int:
        """Return the coordinate with that index, from 0."""
        return self.low + index


@dataclass(frozen=True, slots=True)
class ChoiceAxis:
    """One of a list of values; the coordinate is its index. If `ordered`, neighbouring values are similar.

    `units` are the fractions of ordered values, one for each, ascending in [0, 1]; None spaces them evenly by index.
    """

    values: tuple[ParameterValue, ...]
    ordered: bool
    units: tuple[float, ...] | None = None

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return len(self.values)

    def at(self, unit: float) -> int:
        """Return the index at a fraction in [0, 1] of the axis: the values have equal shares, whatever `units` is."""
        return min(int(unit * self.size), self.size - 1)

    def unit(self, coordinate: Coordinate) -> float:
        """Return the fraction of an index: its entry of `units`, otherwise the middle of its equal share."""
        return (coordinate + 0.5) / self.size if self.units is None else self.units[int(coordinate)]

    def value(self, coordinate: Coordinate) -> ParameterValue:
        """Return the parameter's value at an index."""
        return self.values[int(coordinate)]

    def coordinate(self, value: ParameterValue) -> Coordinate:
        """Return the index of a value; on an ordered axis, that of the nearest value.

        Raises ValueError for a value that is not listed, if the axis is not ordered.
        """
        if not self.ordered:
            return self.values.index(value)
        return min(range(self.size), key=lambda index: abs(float(self.values[index]) - float(value)))

    def nth(self, index: int) -> int:
        """Return the coordinate with that index: the index itself."""
        return index


ParameterAxis: TypeAlias = FloatAxis | IntAxis | ChoiceAxis
FiniteAxis: TypeAlias = IntAxis | ChoiceAxis


def axis_of(spec: ParameterSpec) -> ParameterAxis:
    """Return the axis of one parameter.

    A reverse log scale, which has its finest resolution near the upper end, is a log axis of the mirrored value.
    Discrete values without a scale are spaced evenly by their index, so that 16, 32, 64, 128 are equally far apart.
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
    """Return the fraction of each discrete value on its scale; None without a scale, or for one value."""
    if scale is None or len(values) == 1:
        return None
    axis = FloatAxis(values[0], values[-1], log=scale is not ScaleType.LINEAR)
    if scale is not ScaleType.REVERSE_LOG:
        return tuple(axis.unit(value) for value in values)
    return tuple(1.0 - axis.unit(values[0] + values[-1] - value) for value in values)
