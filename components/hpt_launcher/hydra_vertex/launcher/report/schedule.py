"""Computes when each trial ran, and which trials ran at the same time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from statistics import median

from hydra_vertex.job import HyperparameterTuningJob, Trial, TrialState
from hydra_vertex.launcher.best.selection import trial_order

SHORTEST_PAUSE_S, PAUSE_FACTOR = 10.0, 5.0


class Status(str, Enum):
    """A trial's state for the report. A trial that was still active when its job ended is cancelled, not running.

    A stopped trial was ended by a stopping rule, with a value; one without a value is infeasible.
    """

    SUCCEEDED = "succeeded"
    STOPPED = "stopped early"
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


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which no trial ran although the study had not ended."""

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
            return Status.STOPPED if trial.stopped_early else Status.SUCCEEDED
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


def pauses(given: Sequence[Interval]) -> tuple[Pause, ...]:
    """Return the times, between the first start and the last end, in which no trial ran and the study had paused.

    A job document does not have pauses of its service. A time without a running trial is taken for one from
    SHORTEST_PAUSE_S on, if it is also longer than PAUSE_FACTOR times the usual time without one: a study with one slot
    has such times between all trials.
    """
    gaps = _gaps(given)
    if not gaps:
        return ()
    least_s = max(
        SHORTEST_PAUSE_S, PAUSE_FACTOR * median(sorted(gap.duration_s for gap in gaps)[: len(gaps) - 1] or [0.0])
    )
    return tuple(gap for gap in gaps if gap.duration_s >= least_s)


def _gaps(given: Sequence[Interval]) -> list[Pause]:
    found: list[Pause] = []
    latest: datetime | None = None
    for interval in given:
        if latest is not None and interval.start > latest:
            found.append(Pause(latest, interval.start))
        latest = interval.end if latest is None else max(latest, interval.end)
    return found


@dataclass(frozen=True, slots=True)
class Clock:
    """Counts the seconds since a study's first start, without its pauses."""

    start: datetime
    pauses: tuple[Pause, ...]

    def at(self, time: datetime) -> float:
        """Return the working seconds up to a time; the time in a pause is that of its start."""
        lost = sum((min(time, pause.end) - pause.start).total_seconds() for pause in self.pauses if pause.start < time)
        return (time - self.start).total_seconds() - lost


def clock_of(given: Sequence[Interval]) -> Clock:
    """Return the clock of one or more intervals, sorted by their start."""
    return Clock(given[0].start, pauses(given))


def wall_s(given: Sequence[Interval]) -> float:
    """Return the seconds from the first start to the last end, without pauses; 0 for no intervals."""
    return clock_of(given).at(max(i.end for i in given)) if given else 0.0


def paused_s(given: Sequence[Interval]) -> float:
    """Return the seconds of all pauses."""
    return sum((pause.duration_s for pause in pauses(given)), 0.0)


def serial_s(given: Sequence[Interval]) -> float:
    """Return the seconds that the same trials would have taken one after another."""
    return sum(interval.duration_s for interval in given)


def efficiency(given: Sequence[Interval], slots: int) -> float | None:
    """Return the share of the slots' time, without pauses, in which a trial ran, at most 1; None without any time."""
    wall = wall_s(given)
    return min(1.0, serial_s(given) / wall / max(1, slots)) if wall > 0 else None
