"""Estimates the wall-clock time, the worker-hours and the cost of a study before it starts. Pure.

The formula is in docs/cost.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat

from .durations import DurationRange

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Workload:
    """What a study runs.

    `trials` run on `slots` at the same time, each with `workers` workers, which cost `hourly_rate` together (None: no
    price). `timeout_s` is the time limit of a trial that the user has set, `default_timeout_s` the service's own (None:
    none). `most_runs` is how often a trial whose workers fail can run. With `stops_early` trials can be ended before
    their end. `most_trials` and `latest_start_s` are limits of the study: the number of trials, and the seconds after
    which none starts. `repeats` are trials that follow the study, without its limits.
    """

    trials: int
    slots: int
    duration: DurationRange
    workers: int = 1
    hourly_rate: float | None = None
    provisioning_s: float = 0.0
    timeout_s: float | None = None
    default_timeout_s: float | None = None
    most_runs: int = 1
    stops_early: bool = False
    most_trials: int | None = None
    latest_start_s: float | None = None
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Amount:
    """Wall-clock seconds, worker-hours and cost of a study; `cost` is None without a price."""

    wall_s: float
    worker_hours: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """The least, the expected and the greatest amount."""

    minimum: Amount
    expected: Amount
    maximum: Amount


def makespan_s(durations_s: Sequence[float], slots: int, latest_start_s: float | None = None) -> tuple[float, int]:
    """Return the time until the last trial ends, and the number of trials that were started.

    List scheduling: each trial, in order, starts on the slot that is free first. A trial that would start at
    `latest_start_s` or later is not started, and no trial after it.
    """
    free = [0.0] * min(slots, len(durations_s))
    end_s, started = 0.0, 0
    for duration_s in durations_s:
        start_s = free[0]
        if latest_start_s is not None and start_s >= latest_start_s:
            break
        heapq.heapreplace(free, start_s + duration_s)
        end_s, started = max(end_s, start_s + duration_s), started + 1
    return end_s, started


def estimate(work: Workload) -> Estimate:
    """Return the estimate of a study in which no trial fails for good, and whose app's durations are as given."""
    study = _estimate(work)
    if not work.repeats:
        return study
    after = _estimate(replace(work, trials=work.repeats, stops_early=False, most_trials=None, latest_start_s=None))
    return Estimate(
        _sum(study.minimum, after.minimum), _sum(study.expected, after.expected), _sum(study.maximum, after.maximum)
    )


def _sum(first: Amount, then: Amount) -> Amount:
    cost = None if first.cost is None or then.cost is None else first.cost + then.cost
    return Amount(first.wall_s + then.wall_s, first.worker_hours + then.worker_hours, cost)


def _estimate(work: Workload) -> Estimate:
    trials = work.trials if work.most_trials is None else min(work.trials, work.most_trials)
    return Estimate(
        minimum=_minimum(work, trials),
        expected=_amount(work, [_capped(work.duration.middle_s, work.timeout_s)] * trials),
        maximum=_amount(work, [_longest_s(work)] * trials),
    )


def _minimum(work: Workload, trials: int) -> Amount:
    """With early stopping, the first trials of all slots run to their end, and every other can end at once."""
    full = min(work.slots, trials) if work.stops_early else trials
    shortest_s = _capped(work.duration.low_s, work.timeout_s)
    return _amount(work, [*repeat(shortest_s, full), *repeat(0.0, trials - full)], is_paid_while_provisioned=False)


def _longest_s(work: Workload) -> float:
    if work.timeout_s is not None:
        return work.timeout_s
    return _capped(work.duration.high_s * work.most_runs, work.default_timeout_s)


def _capped(duration_s: float, limit_s: float | None) -> float:
    return duration_s if limit_s is None else min(duration_s, limit_s)


def _amount(work: Workload, durations_s: Sequence[float], *, is_paid_while_provisioned: bool = True) -> Amount:
    occupied_s = [work.provisioning_s + duration_s for duration_s in durations_s]
    wall_s, started = makespan_s(occupied_s, work.slots, work.latest_start_s)
    paid_s = sum((occupied_s if is_paid_while_provisioned else durations_s)[:started])
    cost = None if work.hourly_rate is None else paid_s / HOUR_S * work.hourly_rate
    return Amount(wall_s, paid_s / HOUR_S * work.workers, cost)
