"""Converts a job document to an Optuna study, for Optuna's plots and parameter importances."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hydra_vertex.job import (
    Categorical,
    Discrete,
    Domain,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    StudySpec,
    Trial,
    TrialState,
    walk_parameters,
)
from hydra_vertex.launcher.best.selection import trial_order

from .distributions import float_distribution, int_distribution, is_float

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

TRIAL_ID = "trial_id"
"""The user attribute with a trial's id: Optuna numbers trials from 0, Vertex AI from 1."""


def to_study(job: HyperparameterTuningJob) -> optuna.Study:
    """Return a job's study, in memory, with its trials in the order of their ids.

    Integers become ints, and discrete values numeric choices. A SUCCEEDED or INFEASIBLE trial without a finite
    objective becomes a failed trial, or a pruned one if it was stopped early. A value outside the declared domain
    widens the domain: a report must not refuse a measured trial.
    """
    import optuna

    spec = job.study_spec
    directions = optuna.study.StudyDirection
    direction = directions.MINIMIZE if spec.objective.goal is Goal.MINIMIZE else directions.MAXIMIZE
    trials = sorted(job.trials, key=trial_order)
    distributions = distributions_of(spec, trials)
    with quiet_optuna():
        study = optuna.create_study(direction=direction, study_name=job.display_name or None)
        study.add_trials([_to_frozen(trial, spec.objective.id, distributions) for trial in trials])
    return study


def parameters_of(spec: StudySpec) -> dict[str, ParameterSpec]:
    """Return all parameters by id; a conditional parameter comes after its parent."""
    found: dict[str, ParameterSpec] = {}
    for parameter in walk_parameters(spec.parameters):
        found.setdefault(parameter.id, parameter)
    return found


def parameter_ids(job: HyperparameterTuningJob) -> tuple[str, ...]:
    """Return the ids of the declared parameters, then the ids that only trials have."""
    declared = parameters_of(job.study_spec)
    return tuple(dict.fromkeys([*declared, *(key for trial in job.trials for key in trial.parameters)]))


def distributions_of(spec: StudySpec, trials: Sequence[Trial]) -> dict[str, BaseDistribution]:
    """Return a distribution for every parameter that a trial has, wide enough for every value of the trials."""
    declared = parameters_of(spec)
    seen: dict[str, list[ParameterValue]] = {}
    for trial in trials:
        for key, value in trial.parameters.items():
            seen.setdefault(key, []).append(value)
    return {key: _distribution(declared.get(key), values) for key, values in seen.items()}


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Within this context, limit Optuna's log to errors and ignore its warnings about experimental functions.

    Its other log lines repeat what the report shows. Optuna 2 warns that `create_trial` is experimental.
    """
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _distribution(spec: ParameterSpec | None, seen: Sequence[ParameterValue]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution

    domain: Domain | None = None if spec is None else spec.domain
    numbers = [value for value in seen if not isinstance(value, str)]
    if len(numbers) == len(seen) and spec is not None and isinstance(domain, (DoubleRange, IntegerRange)):
        return _numeric(spec, domain, numbers)
    declared: tuple[ParameterValue, ...] = domain.values if isinstance(domain, (Categorical, Discrete)) else ()
    return CategoricalDistribution(tuple(dict.fromkeys(_typed(value) for value in (*declared, *seen))))


def _numeric(spec: ParameterSpec, domain: DoubleRange | IntegerRange, seen: Sequence[float]) -> BaseDistribution:
    low, high = min(domain.min, *seen), max(domain.max, *seen)
    log = spec.scale is ScaleType.LOG and low > 0
    if isinstance(domain, IntegerRange) and all(float(value).is_integer() for value in seen):
        return int_distribution(int(low), int(high), log=log)
    return float_distribution(float(low), float(high), log=log)


def _typed(value: ParameterValue) -> int | float | str:
    """Convert a whole number to an int: the API returns every number as a double."""
    return value if isinstance(value, str) or not float(value).is_integer() else int(value)


def _to_frozen(trial: Trial, metric: str, distributions: Mapping[str, BaseDistribution]) -> optuna.trial.FrozenTrial:
    from optuna.trial import create_trial

    state, value = _outcome(trial, metric)
    own = {key: distributions[key] for key in trial.parameters}
    frozen = create_trial(
        state=state,
        value=value,
        params={key: _native(own[key], item) for key, item in trial.parameters.items()},
        distributions=own,
        user_attrs={TRIAL_ID: trial.id},
        intermediate_values=intermediate_values(trial, metric),
    )
    frozen.datetime_start, frozen.datetime_complete = _times(trial)
    return frozen


def _times(trial: Trial) -> tuple[datetime | None, datetime | None]:
    """Return the trial's start and end. Optuna needs both of an ended trial, and the start of a running one.

    A document of another service may lack them; then the other time, or the time of the report, stands for it.
    """
    start, end = trial.start_time, trial.end_time
    if trial.state in {TrialState.ACTIVE, TrialState.STOPPING} or trial.state.is_terminal:
        start = start or end or datetime.now(timezone.utc)
    return start, (end or start if trial.state.is_terminal else None)


def _native(distribution: BaseDistribution, value: ParameterValue) -> int | float | str:
    return value if is_float(distribution) else _typed(value)


def _outcome(trial: Trial, metric: str) -> tuple[optuna.trial.TrialState, float | None]:
    from optuna.trial import TrialState as OptunaState

    value = trial.objective(metric)
    match trial.state:
        case TrialState.SUCCEEDED if value is not None and math.isfinite(value):
            return OptunaState.COMPLETE, value
        case TrialState.SUCCEEDED | TrialState.INFEASIBLE:
            return (OptunaState.PRUNED if trial.stopped_early else OptunaState.FAIL), None
        case TrialState.ACTIVE | TrialState.STOPPING:
            return OptunaState.RUNNING, None
        case _:
            return OptunaState.WAITING, None


def intermediate_values(trial: Trial, metric: str) -> dict[int, float]:
    """Return the metric by step; of several values at a step, the last. Without steps, measurements count from 1."""
    points = [(m.step_count, m.metrics[metric]) for m in trial.measurements if metric in m.metrics]
    if not any(step for step, _ in points):
        return {index: value for index, (_, value) in enumerate(points, start=1)}
    return dict(points)
