"""Decides whether the best trial's metric is good enough for a retraining. Pure."""

from __future__ import annotations

import math

from hydra_vertex.job import Goal, MetricSpec
from hydra_vertex.protocol.errors import DocumentError

from .selection import is_better


def parse_threshold(text: str) -> float | None:
    """Return the threshold that a step's parameter has; None when it is empty. Raises DocumentError."""
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DocumentError("metric_threshold", f"expected a finite number, got {text!r}")
    return value


def missed_threshold(value: float, threshold: float | None, metric: MetricSpec) -> str:
    """Return one sentence when the value is worse than the threshold; empty when it is as good, or there is none.

    An unset goal is MAXIMIZE, as the API defines it.
    """
    goal = Goal.MINIMIZE if metric.goal is Goal.MINIMIZE else Goal.MAXIMIZE
    if threshold is None or not is_better(threshold, value, goal):
        return ""
    least = "at most" if goal is Goal.MINIMIZE else "at least"
    return f"the best {metric.id} is {value!r}, and {least} {threshold!r} is required (metric_threshold)"
