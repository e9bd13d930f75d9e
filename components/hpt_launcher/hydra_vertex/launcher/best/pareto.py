"""The non-dominated ones among vectors of costs (lower is better), and a rule that picks one of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

Costs: TypeAlias = tuple[float, ...]
"""One finite cost for each objective."""

RULE = "the member of the Pareto set that is closest to the best value of every objective"
"""The rule of `distances`, for users."""


def non_dominated(costs: Sequence[Costs]) -> list[bool]:
    """Return for each vector whether no other one is nowhere worse and somewhere better. Equal vectors are equal."""
    is_in_front = [False] * len(costs)
    front: list[Costs] = []
    # In this order a vector is dominated only by earlier ones, and then by one of the front too.
    for index in sorted(range(len(costs)), key=lambda i: costs[i]):
        if not any(_dominates(other, costs[index]) for other in front):
            is_in_front[index] = True
            front.append(costs[index])
    return is_in_front


def distances(costs: Sequence[Costs]) -> list[float]:
    """Return the distance of each vector from the ideal point, which has the lowest cost of every objective.

    An objective counts 0 at its best and 1 at its worst among the non-dominated vectors; the distance is Euclidean.
    """
    halves = [tuple(cost / 2 for cost in vector) for vector in costs]  # differences of these do not overflow
    front = [vector for vector, is_member in zip(halves, non_dominated(costs), strict=True) if is_member]
    best = [min(column) for column in zip(*front, strict=True)]
    widths = [max(column) - min(column) for column in zip(*front, strict=True)]
    return [
        math.hypot(
            *((cost - low) / width if width > 0 else 0.0 for cost, low, width in zip(v, best, widths, strict=True))
        )
        for v in halves
    ]


def _dominates(one: Costs, other: Costs) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
