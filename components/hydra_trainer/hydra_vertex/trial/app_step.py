"""The pipeline step of a component that `hydra-vertex component --from-app` has made of an app."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from hydra_vertex.protocol.app_component import METRIC_VALUE, METRICS, AppComponent, parse_app_component
from hydra_vertex.protocol.errors import DocumentError, OutputError
from hydra_vertex.protocol.executor import Artifact, ExecutorInput, parse_executor_input
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.model_files import has_files
from hydra_vertex.protocol.secret_references import MASK
from hydra_vertex.trial.config.quoting import quote
from hydra_vertex.trial.overrides.pipeline_values import pipeline_argument

from .log import tell
from .retrain import Retraining, run_app, temporary_folder
from .retrain_output import Metric


def run_component(executor_input: str, component: str) -> int:
    """Run the app with the step's inputs, write the step's outputs, and return the app's exit code.

    Raises DocumentError and ArgumentError for an input that is malformed, OutputError for an output that the app has
    not written, or that cannot be written, CommandError when Python cannot be started.
    """
    made, step = parse_app_component(component), parse_executor_input(executor_input)
    with temporary_folder() as folder:
        model_dir = _output(step, made.model).path if made.model else Path(folder, "model")
        _make_parents(step)
        words = tuple(_arguments(made, step))
        overrides = tuple(word for word in words if not word.startswith("--"))
        parameters = tuple(word for word in words if word.startswith("--"))
        exit_code, metrics = run_app(Retraining(made.app, overrides, made.metric, model_dir, parameters=parameters))
    if exit_code != 0:
        return exit_code
    _require_written(made, step)
    _write(made, step, words, metrics)
    return 0


def _arguments(made: AppComponent, step: ExecutorInput) -> Iterator[str]:
    """Yield the arguments: parameters, then artifacts, which have the last word."""
    for parameter in made.parameters:
        argument = pipeline_argument(parameter, step.parameters.get(parameter.name))
        if argument is not None:
            yield argument
    for name, key in made.inputs.items():
        if name not in step.inputs:
            raise DocumentError(f"inputs.artifacts.{name}", f"the step has no such input, for the key {key}")
        yield f"--{key}={step.inputs[name].path}"
    for name, key in made.outputs.items():
        yield f"--{key}={_output(step, name).path}"
    if made.output_dir:
        yield f"hydra.run.dir={quote(str(_output(step, made.output_dir).path))}"


def _without_secrets(made: AppComponent, step: ExecutorInput, words: tuple[str, ...]) -> Iterator[str]:
    """Yield the arguments, with MASK for the values of parameters that are secrets."""
    secret = {pipeline_argument(each, step.parameters.get(each.name)) for each in made.parameters if each.is_secret}
    for word in words:
        yield f"{word.partition('=')[0]}={MASK}" if word in secret else word


def _output(step: ExecutorInput, name: str) -> Artifact:
    if name not in step.outputs:
        raise DocumentError(f"outputs.artifacts.{name}", "the step has no such output")
    return step.outputs[name]


def _make_parents(step: ExecutorInput) -> None:
    for artifact in step.outputs.values():
        try:
            artifact.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{artifact.path.parent}: cannot be created: {error.strerror}") from error


def _require_written(made: AppComponent, step: ExecutorInput) -> None:
    """Raise OutputError for the first output that the app has not written."""
    for name, key in made.outputs.items():
        path = _output(step, name).path
        if not path.is_file() and not has_files(path):
            raise OutputError(f"the app wrote nothing to {key}={path}, so the step has no output {name}")
    for name, place in ((made.model, "$AIP_MODEL_DIR"), (made.output_dir, "Hydra's output folder")):
        if name and not has_files(_output(step, name).path):
            raise OutputError(f"the app wrote nothing into {place}, so the step has no output {name}")


def _write(made: AppComponent, step: ExecutorInput, words: tuple[str, ...], metrics: tuple[Metric, ...]) -> None:
    if not metrics:
        tell("the app returned no metric, so the step's metrics are empty")
    values: JsonObject = {metric.name: metric.value for metric in metrics}
    origin: JsonObject = {"command": shlex.join((*made.app, *_without_secrets(made, step, words)))}
    metadata: dict[str, JsonObject] = {name: origin for name in step.outputs if name != METRICS}
    parameters: dict[str, Json] = {METRIC_VALUE: metrics[0].value} if metrics else {}
    declared = {name: value for name, value in parameters.items() if name in step.output_parameters}
    try:
        step.write_output(declared, {**metadata, METRICS: values})
    except OSError as error:
        raise OutputError(f"{step.output_file}: cannot be written: {error.strerror}") from error
