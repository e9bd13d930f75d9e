"""The metrics of Vertex AI training in Cloud Monitoring: the queries of a study, the curves of their answers. Pure.

Vertex AI exports a training job's metrics as `ml.googleapis.com/training/...` on the resource `cloudml_job`, each as a
share of what the worker has, about once a minute. A trial is a CustomJob, whose id is the resource's label `job_id`. A
series with the id of the tuning job itself belongs to a trial only where a label `trial_id` says so.
Source: https://cloud.google.com/vertex-ai/docs/general/monitoring-metrics. Not tried there: see docs/machines.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.job.fields import Fields, format_time, parse_number
from hydra_vertex.job.machine_use import MachineCurve, mean
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json

from .machine_size import MachineSize, size_of
from .time_series import Query

CPU = "ml.googleapis.com/training/cpu/utilization"
MEMORY = "ml.googleapis.com/training/memory/utilization"
GPU = "ml.googleapis.com/training/accelerator/utilization"
GPU_MEMORY = "ml.googleapis.com/training/accelerator/memory/utilization"
METRICS = (CPU, MEMORY, GPU, GPU_MEMORY)
RESOURCE = "cloudml_job"
IDS_AT_ONCE = 50
"""A filter may have 2,048 characters, and an id has about 20."""
POINTS = 120
PERIOD_S = 60
LATE = timedelta(minutes=5)
"""How long after its time a point may appear."""


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one metric of one worker of one trial by their times, a share of 1 each.

    `labels` tell several series of a worker and a metric from each other, such as those of its GPUs.
    """

    trial: str
    worker: str
    metric: str
    values: Mapping[datetime, float]
    labels: tuple[tuple[str, str], ...] = ()


def queries(job: HyperparameterTuningJob, project: str, until: datetime) -> Iterator[Query]:
    """Yield the queries of the started trials of a job: for each metric, a number of trials at once."""
    started = [trial for trial in job.trials if trial.start_time is not None]
    if not started:
        return
    begin = min(trial.start_time for trial in started if trial.start_time is not None)
    end = max(_end(trial, until) for trial in started) + LATE
    longest_s = max((_end(trial, until) - (trial.start_time or until)).total_seconds() for trial in started)
    ids = ids_of(job, started)
    for first in range(0, len(ids), IDS_AT_ONCE):
        for metric in METRICS:
            yield query(project, metric, ids[first : first + IDS_AT_ONCE], begin, end, period_s(longest_s))


def ids_of(job: HyperparameterTuningJob, trials: Iterable[Trial]) -> list[str]:
    """Return the ids that the series of these trials may have: that of the tuning job, and those of the trials."""
    return [_last(job.name), *(_last(trial.custom_job) for trial in trials if trial.custom_job)]


def period_s(longest_s: float) -> int:
    """Return the period of the points of a curve of this length, of which there are POINTS at most."""
    return PERIOD_S * max(1, math.ceil(longest_s / PERIOD_S / POINTS))


def query(project: str, metric: str, ids: Sequence[str], begin: datetime, end: datetime, period: int) -> Query:
    """Return the query of one metric of jobs with these ids: the means of periods that end at `end`, and before it."""
    named = ", ".join(f'"{one}"' for one in ids)
    return Query(
        project,
        {
            "filter": f'metric.type = "{metric}" AND resource.type = "{RESOURCE}" '
            f"AND resource.labels.job_id = one_of({named})",
            "interval.startTime": format_time(begin),
            "interval.endTime": format_time(end),
            "aggregation.alignmentPeriod": f"{period}s",
            "aggregation.perSeriesAligner": "ALIGN_MEAN",
            "view": "FULL",
        },
    )


def series_of(job: HyperparameterTuningJob, answer: Json) -> Series | None:
    """Return one time series of an answer; None when it belongs to no trial. Raises DocumentError."""
    fields = Fields(answer, "timeSeries")
    metric, resource = fields.child("metric"), fields.child("resource")
    labels = {**metric.labels(), **resource.labels()}
    trial = _trial_of(job, labels)
    if trial is None:
        return None
    points = fields.items("points", lambda value, path: _point(Fields(value, path)))
    return Series(
        trial.id,
        labels.get("task_name") or "workerpool0-0",
        metric.text("type"),
        dict(points),
        tuple(sorted(labels.items())),
    )


def _trial_of(job: HyperparameterTuningJob, labels: Mapping[str, str]) -> Trial | None:
    job_id = labels.get("job_id", "")
    is_own = job_id == _last(job.name)
    named = labels.get("trial_id") if is_own else None
    return next(
        (trial for trial in job.trials if (trial.id == named if is_own else _last(trial.custom_job) == job_id)), None
    )


def _point(fields: Fields) -> tuple[datetime, float]:
    end = fields.child("interval").time("endTime")
    value = fields.child("value")
    if end is None:
        raise DocumentError(fields.path("interval"), "has no endTime")
    return end, parse_number(value.take("doubleValue"), fields.path("value"))


def curves_of(job: HyperparameterTuningJob, found: Iterable[Series]) -> dict[str, tuple[MachineCurve, ...]]:
    """Return the curves of the workers of each trial from their series."""
    by_worker: dict[tuple[str, str], list[Series]] = {}
    for series in found:
        by_worker.setdefault((series.trial, series.worker), []).append(series)
    starts = {trial.id: trial.start_time for trial in job.trials}
    curves: dict[str, tuple[MachineCurve, ...]] = {}
    for (trial, worker), own in sorted(by_worker.items()):
        start = starts.get(trial)
        if start is not None:
            curve = _curve(worker, start, own, size_of(job.trial_job_spec, worker))
            curves[trial] = (*curves.get(trial, ()), curve)
    return curves


def _curve(worker: str, start: datetime, own: Sequence[Series], size: MachineSize) -> MachineCurve:
    times = sorted({time for series in own for time in series.values if time > start})

    def column(metric: str) -> list[float | None]:
        of_metric = [series.values for series in own if series.metric == metric]
        return [mean([values.get(time) for values in of_metric]) for time in times]

    gpu = column(GPU)
    return MachineCurve(
        worker=worker,
        start=start,
        time_s=tuple((time - start).total_seconds() for time in times),
        cpu=tuple(_times(value, size.cpus) for value in column(CPU)),
        memory_bytes=tuple(_bytes(value, size.memory_bytes) for value in column(MEMORY)),
        gpu=tuple(None if value is None else min(1.0, max(0.0, value)) for value in gpu),
        gpu_memory_bytes=tuple(_bytes(value, size.gpu_memory_bytes) for value in column(GPU_MEMORY)),
        cpus=size.cpus,
        gpus=size.gpus or int(any(value is not None for value in gpu)),
        missing=size.problem,
        memory_limit_bytes=size.memory_bytes,
        gpu_memory_limit_bytes=size.gpu_memory_bytes,
    )


def _times(share: float | None, whole: float | None) -> float | None:
    return None if share is None or whole is None else round(max(0.0, share) * whole, 3)


def _bytes(share: float | None, whole: int | None) -> int | None:
    return None if share is None or whole is None else round(max(0.0, share) * whole)


def _end(trial: Trial, until: datetime) -> datetime:
    return trial.end_time or until


def _last(name: str) -> str:
    return name.rpartition("/")[2]
