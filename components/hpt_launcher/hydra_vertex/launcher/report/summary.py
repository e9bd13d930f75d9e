"""Summarises a study: counts, times, and the best value compared with other trials. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.launcher.best.selection import pareto_set, rank, trial_order

from .schedule import Status, efficiency, intervals, paused_s, serial_s, status_of, wall_s


@dataclass(frozen=True, slots=True)
class Comparison:
    """The best value compared with another value. `percent` is None where the other is 0 or has the opposite sign."""

    other: float
    difference: float
    percent: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A study's counts, times and best value. `best_value` and the comparisons are None while nothing is measured.

    With several objectives there is no best value, and `members` are the ids of the Pareto set, the selected first.

    `wall_s` is the time from the first trial's start to the last end without pauses, which are `paused_s`; `serial_s`
    is the sum of the trials' durations.
    """

    counts: Mapping[Status, int]
    planned: int
    wall_s: float
    serial_s: float
    parallel: int
    best_value: float | None
    against_median: Comparison | None
    against_first: Comparison | None
    members: tuple[str, ...] = ()
    paused_s: float = 0.0
    efficiency: float | None = None
    """The share of the slots' time in which a trial ran, from 0 to 1; None while the wall time is 0."""

    @property
    def speed_up(self) -> float | None:
        """The ratio of serial time to wall time; None while the wall time is 0."""
        return self.serial_s / self.wall_s if self.wall_s > 0 else None


def summarise(job: HyperparameterTuningJob, best: Trial | None) -> Summary:
    """Compute the summary. The best value is compared with the trials that succeeded with a finite objective."""
    spans = intervals(job)
    metric = job.study_spec.objective
    measured = sorted(rank(job), key=trial_order)
    values = [value for trial in measured if (value := trial.objective(metric.id)) is not None]
    value = None if best is None else best.objective(metric.id)
    several = job.study_spec.has_several_objectives
    comparable = value is not None and len(values) > 1 and not several
    return Summary(
        counts=Counter(status_of(trial, job) for trial in job.trials),
        planned=job.max_trial_count,
        wall_s=wall_s(spans),
        serial_s=serial_s(spans),
        paused_s=paused_s(spans),
        efficiency=efficiency(spans, job.parallel_trial_count),
        parallel=job.parallel_trial_count,
        best_value=value,
        against_median=compare(value, median(values)) if value is not None and comparable else None,
        against_first=compare(value, values[0]) if value is not None and comparable else None,
        members=tuple(trial.id for trial in pareto_set(job)) if several else (),
    )


def compare(value: float, other: float) -> Comparison:
    """Compare a value with another one of the same metric."""
    same_sign = value * other > 0
    return Comparison(
        other=other,
        difference=value - other,
        percent=100 * (value - other) / abs(other) if same_sign else None,
    )
