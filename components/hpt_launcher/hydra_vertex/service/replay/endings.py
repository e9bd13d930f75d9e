"""The end of a simulated trial, as the service ends a real one. Pure."""

from __future__ import annotations

from datetime import datetime

from hydra_vertex.job import Measurement, StudySpec, Trial
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.measurements.metric_file import final_measurement
from hydra_vertex.service.stopping import EarlyStop


def stopped(trial: Trial, stop: EarlyStop, spec: StudySpec, now: datetime) -> Trial:
    """Return a running trial as stopped early. A prediction of the rule becomes its last measurement."""
    stopping = tuning_job_state.stop(trial, stop.reason, stop.predicted)
    return tuning_job_state.end_stopped(stopping, selected(trial, spec), now)


def completed(trial: Trial, final: Measurement | None, now: datetime) -> Trial:
    """Return a running trial with its final measurement; infeasible without one."""
    if final is None:
        return tuning_job_state.fail(trial, "has no final measurement", now)
    return tuning_job_state.succeed(trial, final, now)


def selected(trial: Trial, spec: StudySpec) -> Measurement | None:
    """Return the measurement that the study selects from those of a trial: the last one, or the best one."""
    metric = spec.objective
    measured = [measurement for measurement in trial.measurements if metric.id in measurement.metrics]
    return final_measurement((), measured, metric, spec.measurement_selection)
