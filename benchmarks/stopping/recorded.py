"""Load the learning curves that benchmarks/curves/record.py recorded."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curves.record import SPACES, Point

CURVES = Path(__file__).resolve().parents[1] / "curves"

Curve = tuple[tuple[int, float, float], ...]
"""The measurements of a run: (step, seconds, value) of each."""


@dataclass(frozen=True)
class Recorded:
    """The runs of one space: their points, the same points in the unit cube (`units`), and their curves."""

    name: str
    points: tuple[Point, ...]
    units: tuple[tuple[float, ...], ...]
    curves: tuple[Curve, ...]

    @property
    def best(self) -> float:
        return min(curve[-1][2] for curve in self.curves)

    def nearest(self, point: Point, without: Collection[int] = ()) -> int:
        """Return the index of the run nearest to a point in the unit cube, except the indices in `without`."""
        distances = ((np.array(self.units) - unit_of(self.name, point)) ** 2).sum(axis=1)
        distances[list(without)] = np.inf
        return int(distances.argmin())


def load(name: str) -> Recorded:
    """Return the recorded runs of the space `gpt` or `digits`."""
    runs = json.loads((CURVES / f"{name}.json").read_text())
    curves = tuple(_curve(run["interval"], run["seconds"], run["values"]) for run in runs)
    points = tuple({key: float(value) for key, value in run["point"].items()} for run in runs)
    return Recorded(name, points, tuple(unit_of(name, point) for point in points), curves)


def _curve(interval: int, seconds: float, values: Sequence[float]) -> Curve:
    count = len(values)
    return tuple((interval * n, seconds * n / count, value) for n, value in enumerate(values, start=1))


def unit_of(name: str, point: Point) -> tuple[float, ...]:
    """Return a point of the space `name` in the unit cube: `(d,)`, in the order of `SPACES[name]`."""

    def unit(key: str) -> float:
        low, high, kind = SPACES[name][key]
        scale = math.log if "log" in kind else float
        return (scale(point[key]) - scale(low)) / (scale(high) - scale(low))

    return tuple(unit(key) for key in SPACES[name])
