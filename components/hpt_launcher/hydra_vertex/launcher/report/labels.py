"""Names and values of the user's as text that Plotly shows as it is.

Plotly reads a subset of HTML in every label (links included) and decodes `&lt;`, so what comes from a document is
escaped once, here, before any figure is built from it.
"""

from __future__ import annotations

import html
from dataclasses import replace

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Domain,
    HyperparameterTuningJob,
    Measurement,
    ParameterSpec,
    ParameterValue,
    StudySpec,
    Trial,
)


def escape(text: str) -> str:
    """Text that Plotly shows as it is. Different texts stay different."""
    return html.escape(text, quote=False)


def unescape(label: str) -> str:
    """The text of a label again, for the page, which escapes by itself."""
    return html.unescape(label)


def with_plotly_labels(job: HyperparameterTuningJob) -> HyperparameterTuningJob:
    """The same job, with every name and text value escaped for Plotly."""
    return replace(
        job,
        display_name=escape(job.display_name),
        study_spec=_spec(job.study_spec),
        trials=tuple(_trial(trial) for trial in job.trials),
    )


def _spec(spec: StudySpec) -> StudySpec:
    return replace(
        spec,
        metrics=tuple(replace(metric, id=escape(metric.id)) for metric in spec.metrics),
        parameters=tuple(_parameter(parameter) for parameter in spec.parameters),
    )


def _parameter(spec: ParameterSpec) -> ParameterSpec:
    return ParameterSpec(
        id=escape(spec.id),
        domain=_domain(spec.domain),
        scale=spec.scale,
        children=tuple(ConditionalParameter(child.when, _parameter(child.spec)) for child in spec.children),
    )


def _domain(domain: Domain) -> Domain:
    if not isinstance(domain, Categorical):
        return domain
    return Categorical(tuple(escape(value) for value in domain.values))


def _trial(trial: Trial) -> Trial:
    final = trial.final_measurement
    return replace(
        trial,
        id=escape(trial.id),
        parameters={escape(key): _value(value) for key, value in trial.parameters.items()},
        measurements=tuple(_measurement(measurement) for measurement in trial.measurements),
        final_measurement=None if final is None else _measurement(final),
        infeasible_reason=escape(trial.infeasible_reason),
        stopping_reason=escape(trial.stopping_reason),
    )


def _value(value: ParameterValue) -> ParameterValue:
    return escape(value) if isinstance(value, str) else value


def _measurement(measurement: Measurement) -> Measurement:
    return replace(measurement, metrics={escape(key): value for key, value in measurement.metrics.items()})
