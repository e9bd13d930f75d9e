"""Builds the job that repeats the best configurations of a study with several seeds. Pure.

It is one job of the study's service: a grid of the configuration and the seed. Each trial starts the study's own
command, in which `hydra-trial` replaces the configuration by the parameters of the study's trial, as the study passed
them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hydra_vertex.job import (
    Algorithm,
    Categorical,
    ContainerSpec,
    HyperparameterTuningJob,
    IntegerRange,
    JobState,
    ParameterSpec,
    ScaleType,
    StudySpec,
    Trial,
    TrialJobSpec,
    WorkerPoolSpec,
)
from hydra_vertex.job.confirmation import CONFIRMS_LABEL, job_id
from hydra_vertex.job.earlier_studies import EARLIER_STUDIES_LABEL
from hydra_vertex.launcher.best.best_trial import trial_arguments
from hydra_vertex.launcher.best.selection import rank, select_best
from hydra_vertex.launcher.limits import DISPLAY_NAME_LIMIT
from hydra_vertex.protocol.command import app_command, preset_option, with_options
from hydra_vertex.protocol.environment import SWEEP_DIR
from hydra_vertex.protocol.errors import UserError

from .settings import TRIAL_PARAMETER, ConfirmSettings

FOLDER = "confirmation"
"""The folder with the output of all repeats, below that of the study: the ids of all jobs' trials begin at 1."""
_ENDING = "-confirmation"
_OUTPUT_ONLY = frozenset({"satisfiesPzi", "satisfiesPzs"})
"""Fields of a job that only the service sets. Source: HyperparameterTuningJob in hyperparameter_tuning_job.proto."""


def confirmation_job(study: HyperparameterTuningJob, settings: ConfirmSettings) -> HyperparameterTuningJob:
    """Return the job for a study that has ended. It has no name and no state.

    There are fewer configurations than wanted when the study measured fewer. Raises StudyError when it measured none,
    UserError when `hydra-trial` does not start its trials, and when it has several objectives.
    """
    require_one_objective(study.study_spec)
    trials = best_configurations(study, settings.configurations)
    count = len(trials) * settings.repeats
    name = study.display_name[: DISPLAY_NAME_LIMIT - len(_ENDING)]
    return dataclasses.replace(
        study,
        display_name=f"{name}{_ENDING}",
        study_spec=_grid(study.study_spec, trials, settings),
        trial_job_spec=_repeated(study.trial_job_spec, _presets(study.study_spec, trials)),
        max_trial_count=count,
        parallel_trial_count=min(study.parallel_trial_count, count),
        max_failed_trial_count=count,
        labels=_labels(study),
        name="",
        state=JobState.UNSPECIFIED,
        trials=(),
        create_time=None,
        start_time=None,
        end_time=None,
        update_time=None,
        error=None,
        stopping_reason="",
        other={key: value for key, value in study.other.items() if key not in _OUTPUT_ONLY},
    )


def _labels(study: HyperparameterTuningJob) -> dict[str, str]:
    """Return the study's labels without that of earlier studies, which a grid search does not use."""
    own = {name: value for name, value in study.labels.items() if name != EARLIER_STUDIES_LABEL}
    return {**own, CONFIRMS_LABEL: job_id(study.name)}


def best_configurations(study: HyperparameterTuningJob, count: int) -> tuple[Trial, ...]:
    """Return the best trials of which no two have the same parameters. Raises StudyError when none is measured."""
    distinct: list[Trial] = []
    for trial in rank(study):
        if all(trial.parameters != other.parameters for other in distinct):
            distinct.append(trial)
    return tuple(distinct[:count]) or (select_best(study),)


def newer_configurations(study: HyperparameterTuningJob, repeated: Sequence[Trial]) -> tuple[str, ...]:
    """Return the ids of the best trials that were not among the best when these trials were repeated.

    A study that goes on with more trials may have them.
    """
    known = {trial.id for trial in repeated}
    return tuple(trial.id for trial in best_configurations(study, len(repeated)) if trial.id not in known)


def require_one_objective(spec: StudySpec) -> None:
    """Check that one mean decides. Raises UserError."""
    if len(spec.metrics) > 1:
        names = ", ".join(metric.id for metric in spec.metrics)
        raise UserError(
            f"--confirm: the study has several metrics ({names}), and the best is selected by the mean of one; leave "
            "--confirm out, or give one metric"
        )


def require_hydra_trial(spec: TrialJobSpec) -> None:
    """Check that `hydra-trial` starts the trials, as it does in containers without a command. Raises UserError."""
    containers = [pool.container for pool in spec.worker_pools if pool.container is not None]
    if containers and not any(not c.command or app_command((*c.command, *c.args)) is not None for c in containers):
        raise UserError(
            "--confirm: the container's own command has no `hydra-trial … --`, which repeats a configuration; remove "
            "the command from the search file, or start the app in it with hydra-trial"
        )


def _grid(spec: StudySpec, trials: Sequence[Trial], settings: ConfirmSettings) -> StudySpec:
    # The last parameter changes fastest, so repeats that end early have equally many seeds of each configuration.
    seeds = settings.seeds
    return dataclasses.replace(
        spec,
        parameters=(
            ParameterSpec(settings.seed_key, IntegerRange(seeds[0], seeds[-1]), ScaleType.LINEAR),
            ParameterSpec(TRIAL_PARAMETER, Categorical(tuple(trial.id for trial in trials))),
        ),
        algorithm=Algorithm.GRID_SEARCH,
        automated_stopping=None,
        study_stopping=None,
    )


def _presets(spec: StudySpec, trials: Sequence[Trial]) -> tuple[str, ...]:
    return tuple(preset_option(TRIAL_PARAMETER, trial.id, trial_arguments(spec, trial)) for trial in trials)


def _repeated(spec: TrialJobSpec, presets: Sequence[str]) -> TrialJobSpec:
    require_hydra_trial(spec)
    base = spec.base_output_uri.rstrip("/")
    return dataclasses.replace(
        spec,
        worker_pools=tuple(_with_presets(_outside_the_sweep(pool), presets) for pool in spec.worker_pools),
        base_output_uri=f"{base}/{FOLDER}" if base else "",
    )


def _outside_the_sweep(pool: WorkerPoolSpec) -> WorkerPoolSpec:
    """Return the pool without the folder of a Hydra sweep: its numbered folders are those of the study's trials."""
    container = pool.container
    if container is None or SWEEP_DIR not in container.env:
        return pool
    env = {name: value for name, value in container.env.items() if name != SWEEP_DIR}
    return dataclasses.replace(pool, container=dataclasses.replace(container, env=env))


def _with_presets(pool: WorkerPoolSpec, presets: Sequence[str]) -> WorkerPoolSpec:
    container = pool.container
    if container is None or app_command((*container.command, *container.args)) is None:
        return pool
    return dataclasses.replace(pool, container=_container_with(container, presets))


def _container_with(container: ContainerSpec, presets: Sequence[str]) -> ContainerSpec:
    if app_command(container.command) is not None:
        return dataclasses.replace(container, command=with_options(container.command, presets))
    return dataclasses.replace(container, args=with_options(container.args, presets))
