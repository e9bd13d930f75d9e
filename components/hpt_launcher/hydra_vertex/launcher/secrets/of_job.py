"""Finds the secrets of a job document, and masks the document's texts for display."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    HyperparameterTuningJob,
    ParameterSpec,
    ParameterValue,
    Trial,
    walk_parameters,
)
from hydra_vertex.protocol.json import JsonObject

from .forms import MASK
from .keys import is_secret_key
from .masker import Masker, masker, secrets_in_arguments, secrets_in_document


def masker_of(
    job: HyperparameterTuningJob,
    environ: Mapping[str, str],
    secrets: Iterable[str] = (),
    config: JsonObject | None = None,
) -> Masker:
    """Return a masker for `secrets` and for those in the job's commands and variables, in `environ` and in `config`."""
    found = [*secrets, *secrets_in_document(dict(environ)), *secrets_in_document(config or {})]
    for pool in job.trial_job_spec.worker_pools:
        if pool.container is not None:
            found += secrets_in_arguments((*pool.container.command, *pool.container.args))
            found += secrets_in_document(dict(pool.container.env))
    for spec in walk_parameters(job.study_spec.parameters):
        if is_secret_key(spec.id) and isinstance(spec.domain, Categorical):
            found += spec.domain.values
    return masker(found)


def without_secrets(job: HyperparameterTuningJob, mask: Masker) -> HyperparameterTuningJob:
    """Return the job with its texts masked, for display. The choices of a secret key become `***1`, `***2` and so on.

    The command lines and variables of its worker pools do not change: they are not displayed.
    """
    return replace(
        job,
        display_name=mask.text(job.display_name),
        study_spec=replace(
            job.study_spec, parameters=tuple(_parameter(spec, mask) for spec in job.study_spec.parameters)
        ),
        trials=tuple(trial_without_secrets(trial, job, mask) for trial in job.trials),
    )


def trial_without_secrets(trial: Trial, job: HyperparameterTuningJob, mask: Masker) -> Trial:
    """Return a trial of the job with its texts masked as in `without_secrets`."""
    specs = {spec.id: spec for spec in walk_parameters(job.study_spec.parameters)}
    return replace(
        trial,
        parameters={key: _value(key, value, specs.get(key), mask) for key, value in trial.parameters.items()},
        infeasible_reason=mask.text(trial.infeasible_reason),
        stopping_reason=mask.text(trial.stopping_reason),
    )


def _parameter(spec: ParameterSpec, mask: Masker) -> ParameterSpec:
    domain = spec.domain
    if isinstance(domain, Categorical):
        values = tuple(str(_value(spec.id, value, spec, mask)) for value in domain.values)
        default = None if domain.default is None else str(_value(spec.id, domain.default, spec, mask))
        domain = Categorical(values, default)
    children = tuple(
        ConditionalParameter(
            tuple(str(_value(spec.id, value, spec, mask)) for value in child.when)
            if isinstance(domain, Categorical)
            else child.when,
            _parameter(child.spec, mask),
        )
        for child in spec.children
    )
    return replace(spec, domain=domain, children=children)


def _value(key: str, value: ParameterValue, spec: ParameterSpec | None, mask: Masker) -> ParameterValue:
    if not isinstance(value, str):
        return value
    if not is_secret_key(key):
        return mask.text(value)
    choices = spec.domain.values if spec is not None and isinstance(spec.domain, Categorical) else ()
    return f"{MASK}{choices.index(value) + 1}" if value in choices else MASK
