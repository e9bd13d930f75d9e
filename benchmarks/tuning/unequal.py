"""Trials of unequal length, and the shortest makespan that workers can have with them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hydra_vertex.service.replay.clock import makespan_s

LOG_DEVIATION = 0.6
"""The standard deviation of the logarithm of a length: one trial in six takes more than 1.8 times the median."""
SEED = 20


def lengths(trials: int, mean_s: float) -> list[float]:
    """Return log-normal lengths in seconds, the same in each run."""
    source = random.Random(SEED)  # noqa: S311 - lengths, no secret
    raw = [source.lognormvariate(0.0, LOG_DEVIATION) for _ in range(trials)]
    return [round(length * mean_s * trials / sum(raw), 3) for length in raw]


def ideal_s(durations: Sequence[float], workers: int) -> float:
    """Return the makespan if each worker takes the next trial without delay."""
    return makespan_s(durations, workers)
