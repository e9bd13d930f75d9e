"""More trials than were recorded. What they would find is not in the record; what they would cost is estimated.

The further trials are drawn with replacement from the replayed trials after the startup trials: each with the time that
the rule left it. They are drawn from a resample of these trials, so that the interval has both the variation of further
trials and the uncertainty of the sample (the bootstrap of a prediction; Efron and Tibshirani, "An Introduction to the
Bootstrap", 1993, chapter 25). Of their values only one thing follows from the record: if they were exchangeable with
the n trials after the startup, the best of n + k would be among the k further ones with probability k / (n + k). It may
still be worse than a startup trial: about these, which are drawn in another way, nothing follows.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .clock import makespan_s
from .recorded_study import RecordedStudy
from .replay import Replay, Setting
from .statistics import Bounds, Interval, bounds, central

DRAWS = 1000
MAX_FACTOR = 2
"""At most this many times the recorded trials: of more, too little would come from the record."""


@dataclass(frozen=True, slots=True)
class Further:
    """What `count` further trials would add to a replay: the times of the whole study, with 90 % intervals.

    `chance_of_better` is the probability that one of them is better than the `drawn_from` trials after the startup,
    which are all recorded ones only in a study without startup trials.
    """

    count: int
    drawn_from: int
    worker_s: Bounds
    wall_s: Bounds
    chance_of_better: float


def further_trials(
    study: RecordedStudy, replays: tuple[Replay, Replay], setting: Setting, count: int, seed: int
) -> Further:
    """Return the estimate for a setting with `count` trials more than the recorded ones.

    Of the two replays of all recorded trials, one has trials whose end is not known as long as possible.
    """
    shorter, longer = (_drawn_times(study, found, setting, count, seed) for found in replays)
    pool = len(shorter.pool)
    return Further(
        count=count,
        drawn_from=pool,
        worker_s=_bounds(shorter.worker_s, longer.worker_s),
        wall_s=_bounds(shorter.wall_s, longer.wall_s),
        chance_of_better=count / (pool + count),
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The times of each of the drawn studies, and those of the trials of which further ones were drawn."""

    pool: Sequence[float]
    worker_s: Sequence[float]
    wall_s: Sequence[float]


def _drawn_times(study: RecordedStudy, found: Replay, setting: Setting, count: int, seed: int) -> _Drawn:
    known = [trial.duration_s for trial in found.trials]
    pool = known[study.startup :] or known
    source = random.Random(seed)  # noqa: S311 - a sample, no secret
    studies = [[*known, *_drawn(pool, count, source)] for _ in range(DRAWS)]
    return _Drawn(pool, [math.fsum(one) for one in studies], [makespan_s(one, setting.parallel) for one in studies])


def _drawn(pool: Sequence[float], count: int, source: random.Random) -> list[float]:
    """Return the times of further trials, drawn from a resample of the pool."""
    return source.choices(source.choices(pool, k=len(pool)), k=count)


def _bounds(shorter: Sequence[float], longer: Sequence[float]) -> Bounds:
    low, high = central(shorter), central(longer)
    return bounds(statistics.fmean(shorter), statistics.fmean(longer), Interval(low.low, max(low.high, high.high)))
