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


def wrapped(label: str, most: int, lines: int = 6) -> str:
    """Return an escaped label in lines of at most `most` characters, broken after separators where there are any.

    Of a label with more lines, the middle is left out.
    """
    parts = _parts(unescape(label), most)
    if len(parts) > lines:
        parts = [*parts[: lines // 2], "…", *parts[len(parts) - (lines - lines // 2 - 1) :]]
    return "<br>".join(escape(part) for part in parts)


def line_count(label: str) -> int:
    """Return the number of lines of a wrapped label."""
    return label.count("<br>") + 1


def clipped(label: str, most: int) -> str:
    """Return an escaped label in one line of at most `most` characters, without its middle if it is longer."""
    text = unescape(label)
    if len(text) <= most:
        return label
    return escape(f"{text[: most // 2]}…{text[len(text) - (most - most // 2 - 1) :]}")


def _parts(text: str, most: int) -> list[str]:
    """Return the text in parts of at most `most` characters, each as long as possible."""
    found: list[str] = []
    while len(text) > most:
        break_at = max((text.rfind(separator, 1, most) + 1 for separator in "._/- "), default=0)
        cut = break_at if break_at >= most // 3 else most
        found.append(text[:cut])
        text = text[cut:]
    return [*found, text]


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
    default = None if domain.default is None else change(domain.default)
    return replace(domain, values=tuple(change(value) for value in domain.values), default=default)


def _value(value: ParameterValue, change: Callable[[str], str]) -> ParameterValue:
    return change(value) if isinstance(value, str) else value


def _measurement(measurement: Measurement, change: Callable[[str], str]) -> Measurement:
    return replace(measurement, metrics={change(key): value for key, value in measurement.metrics.items()})
