"""Builds the job document from a study, an app's command and trial counts. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from hydra_vertex.job import (
    ContainerSpec,
    HyperparameterTuningJob,
    StudySpec,
    TrialJobSpec,
    WorkerPoolSpec,
    runs_app,
)
from hydra_vertex.job.env_references import expanded
from hydra_vertex.protocol.command import app_command, trial_command, value_options
from hydra_vertex.protocol.errors import DocumentError, SearchSpaceError
from hydra_vertex.protocol.json import JsonObject

LOCAL_POOL = WorkerPoolSpec(container=ContainerSpec(image_uri="local"), machine={"machineType": "local"})
"""The worker pool of a local run. The API requires an image and a machine; a local run does not use them."""


FILE_OVERRIDES_LABEL = "hydra-vertex-file-overrides"
"""A job's label with the number of overrides at the end of the app's command that come from the search file."""


def build_job(
    *,
    display_name: str,
    study_spec: StudySpec,
    trial_job_spec: TrialJobSpec,
    app: Sequence[str],
    max_trial_count: int,
    parallel_trial_count: int,
    max_failed_trial_count: int = 0,
    labels: Mapping[str, str] | None = None,
    monitor: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    aliases: Sequence[str] = (),
    other: JsonObject | None = None,
) -> HyperparameterTuningJob:
    """Return the job that tunes `app`, which is started in each worker pool that is no server (`job.pool_roles`).

    Raises SearchSpaceError when the counts are inconsistent, DocumentError when `other` has the field of another
    argument.

    A `max_failed_trial_count` of 0 means that no number of failed trials ends the study early. In Google's API a 0 lets
    the service decide, so the document has `max_trial_count` in its place. `monitor` are metrics of Lightning that
    trials report at every validation; `sweeps` are those of a Hydra search file, `KEY=SWEEP`, `aliases` texts `ID=KEY`,
    and `other` further fields of the job.
    """
    check_counts(max_trial_count, parallel_trial_count)
    _require_other_fields(other or {})
    pools = trial_job_spec.worker_pools or (LOCAL_POOL,)
    command = trial_command(app, study_spec.metric_text, monitor, sweeps, aliases)
    return HyperparameterTuningJob(
        display_name=display_name,
        study_spec=study_spec,
        trial_job_spec=dataclasses.replace(trial_job_spec, worker_pools=_started_with(command, pools)),
        max_trial_count=max_trial_count,
        parallel_trial_count=parallel_trial_count,
        max_failed_trial_count=max_failed_trial_count or max_trial_count,
        labels=dict(labels or {}),
        other=other or {},
    )


def check_counts(max_trial_count: int, parallel_trial_count: int) -> None:
    """Check that 1 <= parallel <= total. Raises SearchSpaceError when not."""
    if max_trial_count < 1 or parallel_trial_count < 1:
        raise SearchSpaceError(
            f"{max_trial_count} trials, {parallel_trial_count} parallel: both must be 1 or more (--trials, --parallel)"
        )
    if parallel_trial_count > max_trial_count:
        raise SearchSpaceError(
            f"{parallel_trial_count} parallel trials of {max_trial_count} in total: expected at most "
            f"{max_trial_count}; lower --parallel to {max_trial_count} or raise --trials"
        )


def display_name_for(app: Sequence[str], search: str) -> str:
    """Return a study's name, made of the program's and the search file's: `train-docs`; at most 128 characters."""
    program = next((part for part in app if part.endswith(".py")), app[-1] if app else "app")
    stems = [re.sub(r"\.(py|ya?ml)$", "", part.replace("\\", "/").rsplit("/", 1)[-1]) for part in (program, search)]
    return "-".join(re.sub(r"[^\w.-]+", "-", stem) for stem in stems if stem)[:128]


def app_in(job: HyperparameterTuningJob) -> tuple[str, ...] | None:
    """Return the app's command in a job's first worker pool; None when `hydra-trial` does not start it."""
    return app_command(_container_command(job))


def environment_in(job: HyperparameterTuningJob) -> Mapping[str, str]:
    """Return the environment variables that a job's first container gives the app, with their references replaced."""
    pools = job.trial_job_spec.worker_pools
    container = pools[0].container if pools else None
    return {} if container is None else expanded(container.env, {})


def value_options_in(job: HyperparameterTuningJob) -> tuple[str, ...]:
    """Return the options of `hydra-trial` in the job that determine what its parameters set: aliases and sweeps."""
    return value_options(_container_command(job))


def file_override_count(job: HyperparameterTuningJob) -> int:
    """Return how many overrides at the end of the app's command come from the search file."""
    return override_count(job.labels)


def override_count(labels: Mapping[str, str]) -> int:
    """Return the number in the label for the search file's overrides; 0 without a label."""
    text = labels.get(FILE_OVERRIDES_LABEL, "")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _container_command(job: HyperparameterTuningJob) -> tuple[str, ...]:
    pools = job.trial_job_spec.worker_pools
    container = pools[0].container if pools else None
    return () if container is None else (*container.command, *container.args)


def _started_with(command: tuple[str, ...], pools: Sequence[WorkerPoolSpec]) -> tuple[WorkerPoolSpec, ...]:
    return tuple(_start_with(command, pool) if runs_app(index, pool) else pool for index, pool in enumerate(pools))


def _start_with(command: tuple[str, ...], pool: WorkerPoolSpec) -> WorkerPoolSpec:
    container = pool.container
    if container is None or container.command:
        return pool
    return dataclasses.replace(pool, container=dataclasses.replace(container, command=command))


def _require_other_fields(other: JsonObject) -> None:
    """Check that no further field of the job is one that it has from another argument, which would replace it."""
    own = {field.name for field in dataclasses.fields(HyperparameterTuningJob)} - {"other"}
    for name in other:
        if re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower() in own:
            raise DocumentError(
                f"job_fields.{name}", "is set by another parameter of the pipeline, or by the service; remove it here"
            )
