"""The pipeline step that retrains the app with the best trial's overrides (Kubeflow Pipelines).

Inputs: `app_command`, `overrides`, `extra_overrides` (JSON arrays of strings), `metric` (may be empty),
`app_environment` (a JSON object of strings), and optionally the artifact `best_config`. Outputs: the artifacts `model`
and `metrics`, and the parameter `metric_value` if declared.
"""

from __future__ import annotations

import math
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra_vertex.protocol.command import SEPARATOR, own_words_option
from hydra_vertex.protocol.environment import CHECKPOINT_DIR, METRIC_FILE, MODEL_DIR, TRIAL_ID
from hydra_vertex.protocol.errors import CommandError, DocumentError, OutputError
from hydra_vertex.protocol.executor import ExecutorInput, parse_executor_input
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.regular_file import open_regular
from hydra_vertex.trial.process.child import run_app_process
from hydra_vertex.trial.reporting.records import parse_records

from .log import tell

_MODEL = "model"
_METRICS = "metrics"
_METRIC_VALUE = "metric_value"
_BEST_CONFIG = "best_config"


@dataclass(frozen=True, slots=True)
class Retraining:
    """The command to run and the folder of its model. `command` already contains `overrides`.

    `variables` are environment variables that the user sets for the app.
    """

    command: tuple[str, ...]
    overrides: tuple[str, ...]
    metric: str
    model_dir: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def checkpoint_dir(self) -> Path:
        """The checkpoint folder, beside the model's folder, so that the model artifact contains no checkpoints."""
        return self.model_dir.with_name(f"{self.model_dir.name}_checkpoints")

    def environ(self, base: Mapping[str, str], metric_file: Path) -> dict[str, str]:
        """Return the child's environment variables, without the trial id: a retraining is not a trial."""
        inherited = {name: value for name, value in base.items() if name != TRIAL_ID}
        folders = {MODEL_DIR: f"{self.model_dir}/", CHECKPOINT_DIR: f"{self.checkpoint_dir}/"}
        return {**inherited, **self.variables, **folders, METRIC_FILE: str(metric_file)}


@dataclass(frozen=True, slots=True)
class Metric:
    """The app's return value and the metric name that it was reported under."""

    name: str
    value: float


def retrain(executor_input: str) -> int:
    """Run the app as a child process, write the outputs for the pipeline, and return the app's exit code.

    Raises DocumentError when the pipeline's input is malformed, CommandError when Python cannot be started, OutputError
    when an output cannot be written.
    """
    step = parse_executor_input(executor_input)
    retraining = parse_retraining(step)
    if reason := step.text("skip_reason"):
        return _skipped(step, retraining, reason)
    with _temporary_folder() as folder:
        metric_file = Path(folder, "output.metrics")
        _make_folders(retraining)
        exit_code = _run(retraining, metric_file)
        if exit_code != 0:
            return exit_code
        records = _read_records(metric_file)
    metric = parse_metric(records, retraining.metric)
    _write_output(step, retraining, metric)
    _warn_about_missing_outputs(retraining, metric)
    return 0


def _skipped(step: ExecutorInput, retraining: Retraining, reason: str) -> int:
    """Write empty outputs: a pipeline has no condition that also holds in a local run."""
    tell(f"nothing is retrained: {reason}")
    _make_folders(retraining)
    _write_output(step, retraining, None)
    return 0


def parse_retraining(step: ExecutorInput) -> Retraining:
    """Convert the step's inputs into a retraining. Raises DocumentError naming the invalid input."""
    app = step.strings("app_command")
    if not app:
        raise DocumentError("inputs.parameterValues.app_command", 'expected an array such as ["python","train.py"]')
    if _MODEL not in step.outputs:
        raise DocumentError(f"outputs.artifacts.{_MODEL}", "the step has no such output")
    metric = step.text("metric")
    overrides = (*step.strings("overrides"), *step.strings("extra_overrides"))
    option = ("--metric", metric) if metric else ()
    own = own_words_option((*app, *overrides))
    command = (sys.executable, "-m", "hydra_vertex.trial", *option, *own, SEPARATOR, *app, *overrides)
    return Retraining(command, overrides, metric, step.outputs[_MODEL].path, step.texts("app_environment"))


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="hydra-trial-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(f"cannot create a temporary folder: {error.strerror}; set $TMPDIR") from error


def _run(retraining: Retraining, metric_file: Path) -> int:
    try:
        return run_app_process(retraining.command, retraining.environ(os.environ, metric_file))
    except OSError as error:
        raise CommandError(f"{retraining.command[0]}: cannot be started: {error.strerror}") from error


def _read_records(metric_file: Path) -> bytes:
    """Return the metric file's content; empty, with a log line, when the app left something that cannot be read."""
    try:
        with os.fdopen(open_regular(metric_file, os.O_RDONLY), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        tell(f"{metric_file}: cannot be read, so there is no metric: {error.strerror}")
        return b""


def parse_metric(records: bytes, name: str) -> Metric | None:
    """Return the metric's last finite value in cloudml-hypertune's records; with an empty name, that of any metric."""
    values = [Metric(r.metric, r.value) for r in parse_records(records) if r.metric and math.isfinite(r.value)]
    return next((metric for metric in reversed(values) if name in ("", metric.name)), None)


def _make_folders(retraining: Retraining) -> None:
    for folder in (retraining.model_dir, retraining.checkpoint_dir):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be created: {error.strerror}") from error


def _warn_about_missing_outputs(retraining: Retraining, metric: Metric | None) -> None:
    if metric is None:
        tell("the app returned no metric; the model is stored, and the step's metrics are empty")
    if not retraining.model_dir.is_dir() or not any(retraining.model_dir.iterdir()):
        tell(f"the app wrote nothing into ${MODEL_DIR} ({retraining.model_dir}/), so the step's model is empty")


def _write_output(step: ExecutorInput, retraining: Retraining, metric: Metric | None) -> None:
    values: JsonObject = {} if metric is None else {metric.name: metric.value}
    metadata: dict[str, JsonObject] = {_MODEL: {**_provenance(step, retraining), **values}, _METRICS: values}
    is_declared = _METRIC_VALUE in step.output_parameters
    parameters: JsonObject = {_METRIC_VALUE: metric.value} if is_declared and metric is not None else {}
    try:
        step.write_output(parameters, metadata)
    except OSError as error:
        raise OutputError(f"{step.output_file}: cannot be written: {error.strerror}") from error


def _provenance(step: ExecutorInput, retraining: Retraining) -> JsonObject:
    app: Sequence[str] = retraining.command[retraining.command.index(SEPARATOR) + 1 :]
    best: dict[str, Json] = {_BEST_CONFIG: step.inputs[_BEST_CONFIG].uri} if _BEST_CONFIG in step.inputs else {}
    return {"command": shlex.join(app), "overrides": list(retraining.overrides), **best}
