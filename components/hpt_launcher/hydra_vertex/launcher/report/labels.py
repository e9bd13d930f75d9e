"""Escapes a job's names and text values so that Plotly displays them literally.

Plotly interprets a subset of HTML in every label (links included), decodes `&lt;` and `&#37;`, and substitutes `%{…}`,
so all texts of a document are escaped once, here, before a figure is built from them.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import replace

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Domain,
    HyperparameterTuningJob,
    Measurement,
    ParameterSpec,
    ParameterValue,
    Trial,
)


def escape(text: str) -> str:
    """Escape a text so that Plotly displays it literally. Different texts stay different."""
    return html.escape(text, quote=False).replace("%{", "&#37;{")


def unescape(label: str) -> str:
    """Return the original text of an escaped label, for the page, whose template escapes texts itself."""
    return html.unescape(label)


def with_texts(job: HyperparameterTuningJob, change: Callable[[str], str]) -> HyperparameterTuningJob:
    """Return the job with `change` applied to every name and text value."""
    return replace(
        job,
        display_name=change(job.display_name),
        stopping_reason=change(job.stopping_reason),
        study_spec=replace(
            job.study_spec,
            metrics=tuple(replace(metric, id=change(metric.id)) for metric in job.study_spec.metrics),
            parameters=tuple(_parameter(parameter, change) for parameter in job.study_spec.parameters),
        ),
        trials=tuple(trial_with_texts(trial, change) for trial in job.trials),
    )


def trial_with_texts(trial: Trial, change: Callable[[str], str]) -> Trial:
    """Return the trial with `change` applied to every name and text value."""
    final = trial.final_measurement
    return replace(
        trial,
        id=change(trial.id),
        parameters={change(key): _value(value, change) for key, value in trial.parameters.items()},
        measurements=tuple(_measurement(measurement, change) for measurement in trial.measurements),
        final_measurement=None if final is None else _measurement(final, change),
        infeasible_reason=change(trial.infeasible_reason),
        stopping_reason=change(trial.stopping_reason),
    )


def _parameter(spec: ParameterSpec, change: Callable[[str], str]) -> ParameterSpec:
    return ParameterSpec(
        id=change(spec.id),
        domain=_domain(spec.domain, change),
        scale=spec.scale,
        children=tuple(ConditionalParameter(child.when, _parameter(child.spec, change)) for child in spec.children),
    )


def _domain(domain: Domain, change: Callable[[str], str]) -> Domain:
    if not isinstance(domain, Categorical):
        return domain
    return Categorical(tuple(change(value) for value in domain.values))


def _value(value: ParameterValue, change: Callable[[str], str]) -> ParameterValue:
    return change(value) if isinstance(value, str) else value


def _measurement(measurement: Measurement, change: Callable[[str], str]) -> Measurement:
    return replace(measurement, metrics={change(key): value for key, value in measurement.metrics.items()})
