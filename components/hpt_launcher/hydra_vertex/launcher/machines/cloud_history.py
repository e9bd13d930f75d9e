"""What Cloud Monitoring has said about a running study so far, and what it has to be asked next. Pure.

Each trial is asked for the time since its last point only, and a few minutes before it for points that appear late; one
that has ended is asked for until its last points must have appeared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.job.machine_use import MachineUse

from .cloud_series import IDS_AT_ONCE, LATE, METRICS, Series, curves_of, ids_of, period_s, query
from .time_series import Query
from .worker_points import MINUTE, WorkerPoints

LATEST = timedelta(hours=1)
"""How long before the last answer a point may be that is new in the next one. A metric that a trial does not have, such
as that of a GPU, is not asked for from the trial's start for ever."""
_TRIALS_AT_ONCE = IDS_AT_ONCE - 1
"""The id of the tuning job is asked for as well."""


@dataclass(frozen=True, slots=True)
class TimedQuery:
    """A query whose points are means of `period_s` seconds."""

    query: Query
    period_s: int


@dataclass(frozen=True, slots=True)
class Step:
    """The queries of some trials. `until` is the time up to which each of them is asked for."""

    until: Mapping[str, datetime]
    queries: tuple[TimedQuery, ...]


class CloudHistory:
    """The points of the trials of one study."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._workers: dict[tuple[str, str], WorkerPoints] = {}
        self._asked: dict[str, datetime] = {}

    def steps(self, job: HyperparameterTuningJob, now: datetime) -> Iterator[Step]:
        """Yield what has to be asked, the running trials first; nothing when all points are known."""
        minute = now.replace(second=0, microsecond=0)
        due = [trial for trial in job.trials if self._is_due(trial, minute)]
        due.sort(key=lambda trial: (trial.end_time is not None, trial.start_time))
        for first in range(0, len(due), _TRIALS_AT_ONCE):
            yield self._step(job, due[first : first + _TRIALS_AT_ONCE], minute)

    def add(self, step: Step, series: Series, period: int) -> None:
        """Add a series of an answer. One of a trial of another step is left out: that step asks for all its points."""
        if series.trial in step.until:
            worker = (series.trial, series.worker)
            self._workers.setdefault(worker, WorkerPoints(*worker)).add(series, period)

    def finish(self, step: Step) -> None:
        """Note that all queries of a step were answered."""
        self._asked.update(step.until)

    def curves(self, job: HyperparameterTuningJob) -> MachineUse:
        """Return the curves of all trials so far."""
        return curves_of(job, [series for worker in self._workers.values() for series in worker.series()])

    def _is_due(self, trial: Trial, minute: datetime) -> bool:
        if trial.start_time is None or trial.start_time >= minute:
            return False
        return trial.id not in self._asked or self._asked[trial.id] < _until(trial, minute)

    def _step(self, job: HyperparameterTuningJob, trials: Sequence[Trial], minute: datetime) -> Step:
        until = {trial.id: _until(trial, minute) for trial in trials}
        ids = ids_of(job, trials)
        found = []
        for metric in METRICS:
            since = {trial.id: self._since(trial, metric, minute) for trial in trials}
            longest_s = max((until[one] - since[one]).total_seconds() for one in until)
            if longest_s > 0:
                period = period_s(longest_s)
                asked = query(self._project, metric, ids, min(since.values()), max(until.values()), period)
                found.append(TimedQuery(asked, period))
        return Step(until, tuple(found))

    def _since(self, trial: Trial, metric: str, minute: datetime) -> datetime:
        """Return the time after which a trial may have points of a metric that are not known yet.

        The first points of one worker may appear later than those of another.
        """
        begin = trial.start_time or minute
        newest = [points.newest(metric) for (of, _), points in self._workers.items() if of == trial.id]
        known = min((time - LATE for time in newest if time is not None), default=begin)
        asked = self._asked.get(trial.id)
        return max(begin, known if asked is None else max(known, asked - LATEST))


def _until(trial: Trial, minute: datetime) -> datetime:
    """Return the time up to which points of a trial may have appeared."""
    if trial.end_time is None:
        return minute
    last = (trial.end_time + LATE + MINUTE).replace(second=0, microsecond=0)
    return min(minute, last)
