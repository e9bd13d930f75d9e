"""Writes a job as a study of an Optuna storage, which Optuna Dashboard opens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from hydra_vertex.job import Goal, HyperparameterTuningJob, Trial
from hydra_vertex.launcher.best.selection import trial_order
from hydra_vertex.launcher.report.study import quiet_optuna, to_study
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import UserError

from .place import StoragePlace
from .storage import opened

if TYPE_CHECKING:
    import optuna

JOB_NAME = "hydra_vertex_job"
METRIC = "hydra_vertex_metric"
"""User attributes of the study: the resource name of the job, and the id of its first objective."""


def study_name_of(job: HyperparameterTuningJob) -> str:
    """Return the name that the study gets without one of the user: the display name, with the job's id if it has one.

    Several jobs may have the same display name, but studies of a storage have different names.
    """
    job_id = job.name.rpartition("/")[2]
    return "-".join(part for part in (job.display_name, job_id) if part) or "study"


def export_study(job: HyperparameterTuningJob, place: StoragePlace, name: str) -> None:
    """Write a job's study and trials to a storage. The caller masks the secrets in the job.

    Trials have the states, values, curves, times and, as user attributes, their ids, further metrics and reasons.
    Raises UserError when the storage has a study of that name, OutputError when the storage cannot be written.
    """
    import optuna

    source, metrics = to_study(job), job.study_spec.metrics or (job.study_spec.objective,)
    trials = sorted(job.trials, key=trial_order)
    with opened(place, creates=True) as storage:
        if name in [study.study_name for study in optuna.get_all_study_summaries(storage)]:
            raise UserError(f"{place.text}: has a study {excerpt(name)} already; give another name with --study NAME")
        known = optuna.study.StudyDirection
        directions = [known.MINIMIZE if metric.goal is Goal.MINIMIZE else known.MAXIMIZE for metric in metrics]
        study = optuna.create_study(storage=storage, study_name=name, directions=directions)
        names = [metric.id for metric in metrics]
        study.set_user_attr(METRIC, names[0])
        if job.name:
            study.set_user_attr(JOB_NAME, job.name)
        with quiet_optuna():
            if hasattr(study, "set_metric_names"):  # since Optuna 3.2
                study.set_metric_names(names)
        study.add_trials([_stored(frozen, trial, names) for frozen, trial in zip(source.trials, trials, strict=True)])


def _stored(frozen: optuna.trial.FrozenTrial, trial: Trial, names: Sequence[str]) -> optuna.trial.FrozenTrial:
    """Return a trial with Optuna's local times, and with what Optuna has no field for as user attributes."""
    _set_values(frozen, trial, names)
    final = trial.final_measurement
    others = {} if final is None else {key: value for key, value in final.metrics.items() if key not in names}
    reasons = {"infeasible_reason": trial.infeasible_reason, "stopping_reason": trial.stopping_reason}
    frozen.user_attrs = {**others, **{key: text for key, text in reasons.items() if text}, **frozen.user_attrs}
    frozen.datetime_start = _local(frozen.datetime_start)
    frozen.datetime_complete = _local(frozen.datetime_complete)
    return frozen


def _set_values(frozen: optuna.trial.FrozenTrial, trial: Trial, names: Sequence[str]) -> None:
    """Set the value of each objective. A trial that has not all of them, as finite numbers, has failed."""
    from optuna.trial import TrialState as OptunaState

    if frozen.state is not OptunaState.COMPLETE:
        return
    values = [value for name in names if (value := trial.objective(name)) is not None and math.isfinite(value)]
    if len(values) == len(names):
        frozen.values = values
    else:
        frozen.state, frozen.values = OptunaState.FAIL, None


def _local(time: datetime | None) -> datetime | None:
    """Return a time as Optuna stores it: in local time, without a time zone."""
    return None if time is None else time.astimezone().replace(tzinfo=None)
