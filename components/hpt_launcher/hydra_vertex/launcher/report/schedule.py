"""Computes when each trial ran, and which trials ran at the same time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from hydra_vertex.job import HyperparameterTuningJob, Trial, TrialState
from hydra_vertex.launcher.best.selection import trial_order


class Status(str, Enum):
    """A trial's state for the report. A trial that was still active when its job ended is cancelled, not running."""

    SUCCEEDED = "succeeded"
    INFEASIBLE = "infeasible"
    CANCELLED = "cancelled"
    RUNNING = "running"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Interval:
    """The time that a trial used a worker. For a running trial, `end` is the latest time in the job document."""

    trial: Trial
    status: Status
    start: datetime
    end: datetime

    @property
    def duration_s(self) -> float:
        """Wall-clock seconds."""
        return (self.end - self.start).total_seconds()


def status_of(trial: Trial, job: HyperparameterTuningJob) -> Status:
    """Return a trial's status in its job."""
    match trial.state:
        case TrialState.SUCCEEDED:
            return Status.SUCCEEDED
        case TrialState.INFEASIBLE:
            return Status.INFEASIBLE
        case TrialState.ACTIVE | TrialState.STOPPING:
            return Status.CANCELLED if job.state.is_terminal else Status.RUNNING
        case _:
            return Status.CANCELLED if job.state.is_terminal else Status.WAITING


def as_of(job: HyperparameterTuningJob) -> datetime | None:
    """Return the latest time in the document; None when it has no times at all."""
    times = [job.end_time, job.update_time, job.start_time]
    times += [time for trial in job.trials for time in (trial.start_time, trial.end_time)]
    return max((time for time in times if time is not None), default=None)


def intervals(job: HyperparameterTuningJob) -> tuple[Interval, ...]:
    """Return the intervals of the trials that have started, in the order of their start."""
    latest = as_of(job)
    found = [
        Interval(trial, status_of(trial, job), trial.start_time, max(trial.end_time or latest, trial.start_time))
        for trial in job.trials
        if trial.start_time is not None and latest is not None
    ]
    return tuple(sorted(found, key=lambda interval: (interval.start, trial_order(interval.trial))))


def pack_lanes(given: Iterable[Interval]) -> tuple[tuple[Interval, ...], ...]:
    """Assign intervals, sorted by start, to as few lanes as their overlaps allow; each takes the first free lane."""
    lanes: list[list[Interval]] = []
    for interval in given:
        free = next((lane for lane in lanes if lane[-1].end <= interval.start), None)
        if free is None:
            lanes.append([interval])
        else:
            free.append(interval)
    return tuple(tuple(lane) for lane in lanes)


def wall_s(given: Sequence[Interval]) -> float:
    """Return the seconds from the first start to the last end; 0 for no intervals."""
    if not given:
        return 0.0
    return (max(i.end for i in given) - min(i.start for i in given)).total_seconds()


def serial_s(given: Sequence[Interval]) -> float:
    """Return the seconds that the same trials would have taken one after another."""
    return sum(interval.duration_s for interval in given)
