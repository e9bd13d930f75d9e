"""Standard test functions. Those whose best point is the centre of the usual space are moved.

Sources: Surjanovic and Bingham, "Virtual Library of Simulation Experiments", https://www.sfu.ca/~ssurjano/.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from hydra_vertex.job import DoubleRange, ParameterSpec, ParameterValue

from .problem import Problem

HARTMANN_WEIGHTS = (1.0, 1.2, 3.0, 3.2)
HARTMANN_SCALES = (
    (10.0, 3.0, 17.0, 3.5, 1.7, 8.0),
    (0.05, 10.0, 17.0, 0.1, 8.0, 14.0),
    (3.0, 3.5, 1.7, 10.0, 17.0, 8.0),
    (17.0, 8.0, 0.05, 10.0, 0.1, 14.0),
)
HARTMANN_CENTRES = (
    (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
    (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
    (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
    (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
)
FEASIBLE_RADIUS = 2.3
"""Rosenbrock-4 fails at points farther than this from the origin, two thirds of its space. The best point is at 2.0."""


def branin(x: Sequence[float]) -> float:
    bend = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


def hartmann6(x: Sequence[float]) -> float:
    return -sum(
        weight * math.exp(-sum(a * (v - p) ** 2 for a, v, p in zip(scales, x, centres, strict=True)))
        for weight, scales, centres in zip(HARTMANN_WEIGHTS, HARTMANN_SCALES, HARTMANN_CENTRES, strict=True)
    )


def ackley(x: Sequence[float]) -> float:
    distance = math.sqrt(sum(v * v for v in x) / len(x))
    ripple = sum(math.cos(2 * math.pi * v) for v in x) / len(x)
    return 20.0 - 20.0 * math.exp(-0.2 * distance) + math.e - math.exp(ripple)


def rosenbrock(x: Sequence[float]) -> float:
    return sum(100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(x))


def rosenbrock_with_failures(x: Sequence[float]) -> float | None:
    return rosenbrock(x) if math.hypot(*x) <= FEASIBLE_RADIUS else None


def doubles(*bounds: tuple[float, float]) -> tuple[ParameterSpec, ...]:
    return tuple(ParameterSpec(f"x{index}", DoubleRange(low, high)) for index, (low, high) in enumerate(bounds))


def numbers(parameters: Mapping[str, ParameterValue]) -> list[float]:
    return [float(value) for value in parameters.values()]


FUNCTIONS = (
    Problem("Branin", doubles((-5.0, 10.0), (0.0, 15.0)), lambda p: branin(numbers(p)), 0.39788735772973816),
    Problem("Hartmann-6", doubles(*((0.0, 1.0),) * 6), lambda p: hartmann6(numbers(p)), -3.322368011391339),
    Problem("Ackley-5", doubles(*((-10.0, 22.0),) * 5), lambda p: ackley(numbers(p)), 0.0),
    Problem("Rosenbrock-4, failing", doubles(*((-2.0, 2.5),) * 4), lambda p: rosenbrock_with_failures(numbers(p)), 0.0),
)
