"""The part of a range of numbers in which the best values of earlier trials are, with a margin. Pure.

Distances are those on the parameter's scale. The new ends are beyond the lowest and the highest of the best values by
the mean distance between neighbouring ones, because the next value of as good a trial is as far away on average, and
by a share of the old range at least. They are rounded outwards, and never lie outside the old range.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from hydra_vertex.job import Discrete, DoubleRange, IntegerRange, ScaleType

MARGIN = 0.1
"""The least margin on each side, as a share of the old range."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """Converts values from `low` to `high` to a coordinate in which equal distances count the same, and back."""

    type: ScaleType | None
    low: float
    high: float

    def to(self, value: float) -> float:
        match self.type:
            case ScaleType.LOG:
                return math.log(value)
            case ScaleType.REVERSE_LOG:
                return -math.log(self.mirrored(value))
            case _:
                return value

    def back(self, coordinate: float) -> float:
        match self.type:
            case ScaleType.LOG:
                return math.exp(coordinate)
            case ScaleType.REVERSE_LOG:
                return self.low + (self.high - math.exp(-coordinate))
            case _:
                return coordinate

    def mirrored(self, value: float) -> float:
        """Return the value as far from the low end as the given one is from the high end; never below the low end."""
        return max(self.low + (self.high - value), self.low)

    def around(self, values: Sequence[float]) -> tuple[float, float]:
        """Return the ends of the interval around the values, before they are rounded."""
        low, high = _around([self.to(value) for value in values], self.to(self.low), self.to(self.high))
        # A value that is converted and converted back can be another one by a little.
        return min(self.back(low), min(values)), max(self.back(high), max(values))


def narrowed_doubles(domain: DoubleRange, scale: ScaleType | None, values: Sequence[float]) -> DoubleRange:
    """Return the part of the range around the values, which lie in it. Its ends have few digits."""
    axis = _Scale(scale, domain.min, domain.max)
    low, high = axis.around(values)
    low, high = _rounded(low, high - low, axis, ROUND_FLOOR), _rounded(high, high - low, axis, ROUND_CEILING)
    return dataclasses.replace(domain, min=max(low, domain.min), max=min(high, domain.max))


def narrowed_integers(domain: IntegerRange, scale: ScaleType | None, values: Sequence[float]) -> IntegerRange:
    """Return the part of the range around the values, which lie in it."""
    low, high = _Scale(scale, domain.min, domain.max).around(values)
    return dataclasses.replace(domain, min=max(math.floor(low), domain.min), max=min(math.ceil(high), domain.max))


def narrowed_list(domain: Discrete, values: Sequence[float]) -> Discrete:
    """Return the part of the list around the values, which lie between its ends. A distance is one of positions."""
    positions = [_position(domain.values, value) for value in values]
    low, high = _around(positions, 0.0, len(domain.values) - 1.0)
    return dataclasses.replace(domain, values=domain.values[math.floor(low) : math.ceil(high) + 1])


def _around(values: Sequence[float], low: float, high: float) -> tuple[float, float]:
    """Return the interval around the values, with a margin and within the old one."""
    least, most = min(values), max(values)
    distance = (most - least) / max(len(values) - 1, 1)
    margin = max(distance, MARGIN * (high - low))
    return max(least - margin, low), min(most + margin, high)


def _position(listed: Sequence[float], value: float) -> float:
    """Return the position of a value in an ascending list; between two neighbours, that of the middle."""
    at = bisect.bisect_left(listed, value)
    return float(at) if at < len(listed) and listed[at] == value else at - 0.5


def _rounded(end: float, width: float, axis: _Scale, rounding: str) -> float:
    """Return an end with two digits of what is small there: the width, and on a log scale the end or its mirror."""
    sizes = {ScaleType.LOG: end, ScaleType.REVERSE_LOG: axis.mirrored(end)}
    size = max(min(width, sizes.get(axis.type or ScaleType.LINEAR, width)), math.ulp(end))
    digit = Decimal(1).scaleb(math.floor(math.log10(size)) - 1)
    return float(Decimal(repr(end)).quantize(digit, rounding=rounding))
