"""Reads a study of an Optuna storage as a job document."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hydra_vertex.job import (
    Goal,
    HyperparameterTuningJob,
    Measurement,
    MetricSpec,
    ParameterSpec,
    StudySpec,
    Trial,
    TrialJobSpec,
    TrialState,
)
from hydra_vertex.launcher.report.study import TRIAL_ID

from .export import JOB_NAME, METRIC
from .parameters import parameter_specs, values_in
from .place import StoragePlace
from .storage import chosen_study, opened

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

PRUNED = "pruned by Optuna"
_WITHOUT_NAME = "value"
"""The name of the objective of a study that has none; Optuna's own word."""


def read_study(place: StoragePlace, name: str = "", choice: str = "--study NAME") -> HyperparameterTuningJob:
    """Return the job of a study, with all of its objectives.

    A pruned trial becomes an INFEASIBLE one with a stopping reason, because Optuna does not select it either. A value
    that is not a finite number is left out, and makes a complete trial INFEASIBLE, as in the service. A storage has no
    command of an app. Raises UserError for an unknown name, and without one of several, with `choice` as the
    way to give it; OutputError as `opened` does.
    """
    import optuna

    with opened(place) as storage:
        chosen = chosen_study(place, storage, name, choice)
        study = optuna.load_study(study_name=chosen, storage=storage)
        trials = study.get_trials(deepcopy=False)
        metrics, specs = _metrics(study), parameter_specs(trials)
        return HyperparameterTuningJob(
            display_name=chosen,
            name=str(study.user_attrs.get(JOB_NAME, "")),
            study_spec=StudySpec(metrics=metrics, parameters=specs),
            trial_job_spec=TrialJobSpec(worker_pools=()),
            max_trial_count=max(len(trials), 1),
            parallel_trial_count=1,
            trials=tuple(_trial(trial, [metric.id for metric in metrics], specs) for trial in trials),
        )


def _metrics(study: optuna.Study) -> tuple[MetricSpec, ...]:
    """Return the objectives, with the names that the study has for them."""
    names: Sequence[str] = getattr(study, "metric_names", None) or ()
    known = str(study.user_attrs.get(METRIC, _WITHOUT_NAME))
    goals = [Goal.MINIMIZE if item.name == "MINIMIZE" else Goal.MAXIMIZE for item in study.directions]
    if len(names) != len(goals):
        names = [known] if len(goals) == 1 else [f"{_WITHOUT_NAME}_{index}" for index in range(len(goals))]
    return tuple(MetricSpec(name, goal) for name, goal in zip(names, goals, strict=True))


_STATES = {
    "COMPLETE": TrialState.SUCCEEDED,
    "PRUNED": TrialState.INFEASIBLE,
    "FAIL": TrialState.INFEASIBLE,
    "RUNNING": TrialState.ACTIVE,
    "WAITING": TrialState.REQUESTED,
}


def _trial(trial: FrozenTrial, metrics: Sequence[str], specs: Sequence[ParameterSpec]) -> Trial:
    state = trial.state.name
    is_pruned = state == "PRUNED"
    steps = sorted(trial.intermediate_values.items())
    values = dict(zip(metrics, trial.values or (), strict=False)) if state == "COMPLETE" else {}
    reason = _infeasible_reason(trial, values)
    fixed = trial.system_attrs.get("fixed_params") if state == "WAITING" else None
    return Trial(
        id=str(trial.user_attrs.get(TRIAL_ID, trial.number + 1)),
        state=TrialState.INFEASIBLE if reason else _STATES[state],
        parameters=values_in(fixed or trial.params, specs),
        measurements=tuple(Measurement(_finite({metrics[0]: value}), step) for step, value in steps),
        final_measurement=Measurement(values, steps[-1][0] if steps else 0) if values and not reason else None,
        infeasible_reason=reason,
        stopping_reason=str(trial.user_attrs.get("stopping_reason", PRUNED if is_pruned else "")),
        start_time=_utc(trial.datetime_start),
        end_time=_utc(trial.datetime_complete),
    )


def _infeasible_reason(trial: FrozenTrial, values: Mapping[str, float]) -> str:
    """Return why a trial has no value by which it can be selected; empty when it has one, or may still get one."""
    match trial.state.name:
        case "PRUNED":
            return PRUNED
        case "FAIL":
            return str(trial.user_attrs.get("infeasible_reason", "the trial failed in Optuna"))
        case _:
            others = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
            return f"{', '.join(others)}: not a finite number" if others else ""


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _utc(time: datetime | None) -> datetime | None:
    """Return a time of Optuna, which is local and has no time zone, in UTC."""
    return None if time is None else time.astimezone(timezone.utc)
