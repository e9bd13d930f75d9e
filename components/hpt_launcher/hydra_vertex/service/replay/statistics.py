"""Intervals of a given level. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.9
"""The level of all intervals of a replay."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Two numbers between which a quantity is expected."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """A time: the least and the most that it can be by the record, and its interval, None without resamples."""

    low: float
    high: float
    interval: Interval | None


def bounds(one: float, other: float, interval: Interval | None) -> Bounds:
    """Return the bounds of two numbers, of which either may be the lower one."""
    return Bounds(min(one, other), max(one, other), interval)


def central(values: Sequence[float]) -> Interval:
    """Return the interval that contains the central 90 % of some values: from their 5 % to their 95 % quantile."""
    ordered = sorted(values)
    return Interval(_quantile(ordered, (1 - LEVEL) / 2), _quantile(ordered, (1 + LEVEL) / 2))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile by linear interpolation between the ordered values."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def t_quantile(degrees: int) -> float:
    """Return the two-sided 90 % quantile of Student's t distribution with so many degrees of freedom, at least 3.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 26.7.5: an expansion around the normal
    quantile. With three terms the error is below 1 % from 3 degrees on.
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / float(degrees) ** power for power, term in enumerate(terms, start=1))
