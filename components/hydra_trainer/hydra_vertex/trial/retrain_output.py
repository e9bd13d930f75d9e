"""Writes the outputs of the retraining step: the model, its metadata, and the metric compared with the best trial's."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from hydra_vertex.protocol.artifact_place import may_be_at
from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.executor import Artifact, ExecutorInput
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.model_files import has_files

from .comparison import Comparison, TrialValue, compare, trial_values
from .log import tell
from .model_output import copy_model

MODEL = "model"
BEST_MODEL = "best_model"
RETRAINING = "retraining"
SKIP = "skip"
"""The value of the parameter `retraining` with which the best trial's model is the step's model."""
CHOICES = ("", "run", SKIP)
"""The values of the parameter; an empty one is that of earlier pipelines."""

_METRICS = "metrics"
_BEST_CONFIG = "best_config"
_OF_TRIAL = ("trialId", "job", "jobState", "jobProblem")


@dataclass(frozen=True, slots=True)
class Metric:
    """The app's return value and the metric name that it was reported under."""

    name: str
    value: float


def write_outputs(
    step: ExecutorInput, app: Sequence[str], overrides: Sequence[str], reported: Sequence[Metric]
) -> None:
    """Write the outputs of a retraining, and tell how its metrics compare with those of the trial."""
    trial = _trial_values(step)
    compared = [found for metric in reported if (found := compare(metric.name, metric.value, trial)) is not None]
    if compared:
        tell(_text(compared))
    values: JsonObject = {metric.name: metric.value for metric in reported}
    model: JsonObject = {**_provenance(step, app, overrides), **_of_trial(step), **values, **_sentence(compared)}
    metrics: dict[str, Json] = dict(values)
    for found in compared:
        metrics |= found.document()
    parameters: dict[str, Json] = {"model_uri": _uri_if_filled(step.outputs[MODEL]), **_sentence(compared)}
    if reported:
        parameters["metric_value"] = reported[0].value
    _write(step, parameters, {MODEL: model, _METRICS: metrics})


def write_skipped(step: ExecutorInput, app: Sequence[str], overrides: Sequence[str]) -> bool:
    """Write the outputs of a step that retrains nothing. Return whether it is one.

    A pipeline has no condition that also holds in a local run. After a missed threshold the model is empty; without a
    retraining it is the best trial's.
    """
    if reason := step.text("skip_reason"):
        tell(f"nothing is retrained: {reason}")
        _write(step, {}, {MODEL: _provenance(step, app, overrides)})
        return True
    if step.text(RETRAINING) != SKIP:
        return False
    best = step.inputs.get(BEST_MODEL)
    own = step.outputs[MODEL]
    uri = _uri_if_filled(best) if best is not None else ""
    if best is not None and uri and not may_be_at(uri, own.uri, os.environ):
        copy_model(best.path, own.path)
        uri = own.uri
    tell(f"nothing is retrained, and the model is {f'that of the best trial, {uri}' if uri else 'empty'}")
    metadata: JsonObject = {} if best is None else best.metadata
    _write(step, {"model_uri": uri}, {MODEL: metadata}, uri)
    return True


def _write(step: ExecutorInput, parameters: JsonObject, metadata: dict[str, JsonObject], model_uri: str = "") -> None:
    texts: JsonObject = {"model_uri": "", "comparison": ""}
    known = {**texts, **parameters}
    declared: JsonObject = {name: value for name, value in known.items() if name in step.output_parameters}
    try:
        step.write_output(declared, metadata, {MODEL: model_uri})
    except OSError as error:
        raise OutputError(f"{step.output_file}: cannot be written: {error.strerror}") from error


def _provenance(step: ExecutorInput, app: Sequence[str], overrides: Sequence[str]) -> JsonObject:
    best: dict[str, Json] = {_BEST_CONFIG: step.inputs[_BEST_CONFIG].uri} if _BEST_CONFIG in step.inputs else {}
    return {"command": shlex.join((*app, *overrides)), "overrides": list(overrides), **best}


def _of_trial(step: ExecutorInput) -> JsonObject:
    """Return what the best trial's model says about its job; a job that did not succeed is named in the model."""
    metadata = step.inputs[BEST_MODEL].metadata if BEST_MODEL in step.inputs else {}
    return {name: metadata[name] for name in _OF_TRIAL if name in metadata}


def _trial_values(step: ExecutorInput) -> tuple[TrialValue, ...]:
    return trial_values(step.inputs[BEST_MODEL].metadata) if BEST_MODEL in step.inputs else ()


def _text(compared: Sequence[Comparison]) -> str:
    return "; ".join(comparison.sentence() for comparison in compared)


def _sentence(compared: Sequence[Comparison]) -> JsonObject:
    return {"comparison": _text(compared)} if compared else {}


def _uri_if_filled(artifact: Artifact) -> str:
    """Return the artifact's address; empty when it has no file."""
    return artifact.uri if artifact.uri and has_files(artifact.path) else ""
