"""The horizontal axes of the study's progress: the trial, the working time, and what had been spent. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy

from hydra_vertex.job import Trial
from hydra_vertex.launcher.cost.estimate import HOUR_S
from hydra_vertex.launcher.cost.prices import hourly_rate, workers_of
from hydra_vertex.launcher.report.schedule import clock_of, intervals
from hydra_vertex.protocol.errors import UserError

from .view import View

_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"))
"""Seconds of a unit, and its name. The largest unit that is at most half of the whole time is used, else seconds."""


@dataclass(frozen=True, slots=True)
class ProgressAxis:
    """The place of each trial on an axis, by its id."""

    key: str
    label: str
    title: str
    places: Mapping[str, float]


def time_unit(total_s: float) -> tuple[float, str]:
    """Return the seconds of the unit of an axis of this length, and the unit's name."""
    return next(((size, name) for size, name in _UNITS if total_s >= 2 * size), (1.0, "seconds"))


def progress_axes(view: View, trials: Sequence[Trial]) -> tuple[ProgressAxis, ...]:
    """Return the axis of trials; and those of time and cost if all the given trials have times."""
    by_trial = ProgressAxis("trial", "by trial", "trial", {trial.id: view.number(trial) for trial in trials})
    ends = {trial.id: trial.end_time for trial in trials}
    spans = intervals(view.job)
    known = {trial: end for trial, end in ends.items() if end is not None}
    if not spans or len(known) < len(ends):
        return (by_trial,)
    clock = clock_of(spans)
    elapsed = {trial: clock.at(end) for trial, end in known.items()}
    unit_s, unit = time_unit(max(elapsed.values(), default=0.0))
    by_time = ProgressAxis(
        "time",
        "by wall-clock time",
        f"{unit} since the first trial began",
        {trial: seconds / unit_s for trial, seconds in elapsed.items()},
    )
    return (by_trial, by_time, _by_cost(view, known))


def _by_cost(view: View, ends: Mapping[str, datetime]) -> ProgressAxis:
    """Return the axis of what all trials together had used when a trial ended."""
    spans = intervals(view.job)
    starts = numpy.array([span.start.timestamp() for span in spans])
    lengths = numpy.array([span.duration_s for span in spans])
    per_hour, title = _rate(view)
    used = {
        trial: float(numpy.clip(end.timestamp() - starts, 0, lengths).sum()) / HOUR_S * per_hour
        for trial, end in ends.items()
    }
    return ProgressAxis("cost", "by cost", title, used)


def _rate(view: View) -> tuple[float, str]:
    """Return what one hour of a trial costs, and the axis's title; worker-hours where there is no price."""
    try:
        rate = hourly_rate(view.job.trial_job_spec, view.prices)
    except UserError:  # a machine without a price, which the page's text names
        rate = None
    if rate is None:
        return float(workers_of(view.job.trial_job_spec)), "worker-hours of all trials"
    currency = view.prices.text(1.0).split()[-1]
    return rate, f"cost of all trials in {currency}"
