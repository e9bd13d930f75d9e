"""The learning curves of all trials as short lists of points, which keep the shape of long curves. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.text.rounding import rounded
from hydra_vertex.protocol.json import Json

from .study import intermediate_values

MOST_POINTS, FEWEST_PER_CURVE, MOST_PER_CURVE = 8000, 16, 400
"""The points of all curves together are limited, so that the page stays small; a single curve may be long."""

Point = tuple[float, float]


def curves_of(job: HyperparameterTuningJob) -> dict[str, Json]:
    """Return, by trial, its curves by the number of the metric from 0: the steps and the values, both as lists.

    A trial with fewer than two points has no curve.
    """
    most = points_per_curve(len(job.trials))
    found: dict[str, Json] = {}
    for trial in job.trials:
        curves: dict[str, Json] = {}
        for number, metric in enumerate(job.study_spec.metric_ids):
            points = [(float(x), y) for x, y in intermediate_values(trial, metric).items() if math.isfinite(y)]
            if len(points) > 1:
                kept = thinned(sorted(points), most)
                curves[str(number)] = [[rounded(x) for x, _ in kept], [rounded(y) for _, y in kept]]
        if curves:
            found[trial.id] = {"curves": curves}
    return found


def points_per_curve(count: int) -> int:
    """Return the maximum number of points of each of `count` curves."""
    return max(FEWEST_PER_CURVE, min(MOST_PER_CURVE, MOST_POINTS // max(1, count)))


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most `most` (4 or more) points: the first, the last, and the lowest and the highest of equal parts."""
    if len(points) <= most:
        return list(points)
    inner, parts = points[1:-1], (most - 2) // 2
    kept = [points[0]]
    for part in range(parts):
        some = inner[part * len(inner) // parts : (part + 1) * len(inner) // parts]
        extremes = {min(some, key=lambda point: point[1]), max(some, key=lambda point: point[1])}
        kept.extend(sorted(extremes))
    return [*kept, points[-1]]
