"""The pipeline step that retrains the app with the best trial's overrides (Kubeflow Pipelines).

Inputs: `app_command`, `overrides`, `extra_overrides` (JSON arrays of strings), `metric` (may be empty; of several
metrics a JSON array), `app_environment` (a JSON object of strings), `retraining` and `warm_start_key`, and optionally
the artifacts `best_config`, `best_model` and `best_checkpoint`. Outputs: the artifacts `model` and `metrics`, and the
parameters `metric_value`, `comparison` and `model_uri` if declared.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hydra_vertex.protocol.command import SEPARATOR, own_words_option
from hydra_vertex.protocol.data_input import data_override
from hydra_vertex.protocol.environment import (
    CHECKPOINT_DIR,
    HYDRA_FOLDER,
    METRIC_FILE,
    MODEL_DIR,
    OUTPUT_DIR_FILE,
    TRIAL_ID,
)
from hydra_vertex.protocol.errors import CommandError, DocumentError, OutputError
from hydra_vertex.protocol.executor import ExecutorInput, parse_executor_input
from hydra_vertex.protocol.metric_names import metric_names
from hydra_vertex.protocol.model_files import has_files
from hydra_vertex.protocol.private_files import APP_UMASK, app_umask
from hydra_vertex.protocol.regular_file import open_regular
from hydra_vertex.protocol.secret_references import KEPT, listed_names
from hydra_vertex.trial.process.child import run_app_process
from hydra_vertex.trial.reporting.output_dir import read_output_dir
from hydra_vertex.trial.reporting.records import parse_records

from .log import tell
from .model_output import Content, Source, content_of, provide_model
from .retrain_output import CHOICES, MODEL, RETRAINING, Metric, write_outputs, write_skipped
from .warm_start import warm_start

_METRIC_FILE = "output.metrics"
_OUTPUT_DIR_FILE = "output_dir"
_CLOCK_TOLERANCE_NS = 1_000_000_000
"""A file system's clock may be behind, and have whole seconds."""


@dataclass(frozen=True, slots=True)
class Retraining:
    """The app's command, the overrides that follow it, and the folder of its model.

    `variables` are environment variables that the user sets for the app. `parameters` have the form of a trial's.
    """

    app: tuple[str, ...]
    overrides: tuple[str, ...]
    metric: str
    model_dir: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """The command to run."""
        option = ("--metric", self.metric) if self.metric else ()
        words = (*self.app, *self.overrides)
        own = (*option, *own_words_option(words))
        return (sys.executable, "-m", "hydra_vertex.trial", *own, SEPARATOR, *words, *self.parameters)

    @property
    def checkpoint_dir(self) -> Path:
        """The checkpoint folder, beside the model's folder, so that the model artifact contains no checkpoints."""
        return self.model_dir.with_name(f"{self.model_dir.name}_checkpoints")

    def environ(self, base: Mapping[str, str], folder: Path) -> dict[str, str]:
        """Return the child's environment variables, without the trial id: a retraining is not a trial.

        `folder` gets the files in which the child reports.
        """
        inherited = {name: value for name, value in base.items() if name not in (TRIAL_ID, APP_UMASK)}
        kept = ",".join(name for name in listed_names(base, KEPT) if name not in self.variables)
        folders = {MODEL_DIR: f"{self.model_dir}/", CHECKPOINT_DIR: f"{self.checkpoint_dir}/"}
        reports = {METRIC_FILE: str(folder / _METRIC_FILE), OUTPUT_DIR_FILE: str(folder / _OUTPUT_DIR_FILE)}
        references = {KEPT: kept} if KEPT in base else {}
        return {**inherited, **self.variables, **folders, **references, **reports}


def retrain(executor_input: str) -> int:
    """Run the app as a child process, write the outputs for the pipeline, and return the app's exit code.

    Raises DocumentError when the pipeline's input is malformed, CommandError when Python cannot be started or there is
    no checkpoint to start from, OutputError when an output cannot be written.
    """
    step = parse_executor_input(executor_input)
    retraining = parse_retraining(step)
    _make_folders(retraining)
    if write_skipped(step, retraining.app, retraining.overrides):
        return 0
    retraining = _warm(step, retraining)
    exit_code, metrics = run_app(retraining)
    if exit_code != 0:
        return exit_code
    if not metrics:
        tell("the app returned no metric; the model is stored, and the step's metrics are empty")
    write_outputs(step, retraining.app, retraining.overrides, metrics)
    return 0


def run_app(retraining: Retraining) -> tuple[int, tuple[Metric, ...]]:
    """Run the app as a child process. Return its exit code, and the metrics that it has returned.

    Its model is then in the model's folder, if it has written one. Raises CommandError, OutputError.
    """
    _make_folders(retraining)
    before, began_ns = content_of(retraining.model_dir), time.time_ns()
    with temporary_folder() as folder:
        exit_code = _run(retraining, Path(folder))
        if exit_code != 0:
            return exit_code, ()
        metrics = parse_metrics(_read_records(Path(folder, _METRIC_FILE)), retraining.metric)
        output_dir = read_output_dir(Path(folder, _OUTPUT_DIR_FILE))
    _provide_model(retraining, before, _hydra_source(retraining, output_dir, began_ns))
    return 0, metrics


def parse_retraining(step: ExecutorInput) -> Retraining:
    """Convert the step's inputs into a retraining. Raises DocumentError naming the invalid input."""
    app = step.strings("app_command")
    if not app:
        raise DocumentError("inputs.parameterValues.app_command", 'expected an array such as ["python","train.py"]')
    if MODEL not in step.outputs:
        raise DocumentError(f"outputs.artifacts.{MODEL}", "the step has no such output")
    if step.text(RETRAINING) not in CHOICES:
        raise DocumentError(
            f"inputs.parameterValues.{RETRAINING}", f"expected run or skip, got {step.text(RETRAINING)!r}"
        )
    overrides = (*data_override(step), *step.strings("overrides"), *step.strings("extra_overrides"))
    return Retraining(app, overrides, step.text("metric"), step.outputs[MODEL].path, step.texts("app_environment"))


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder, which is removed at the end of a `with` block. Raises OutputError."""
    try:
        return tempfile.TemporaryDirectory(prefix="hydra-trial-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(f"cannot create a temporary folder: {error.strerror}; set $TMPDIR") from error


def _run(retraining: Retraining, folder: Path) -> int:
    try:
        environ = retraining.environ(os.environ, folder)
        return run_app_process(retraining.command, environ, umask=app_umask(os.environ))
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


def parse_metrics(records: bytes, text: str) -> tuple[Metric, ...]:
    """Return the last finite value of each metric in cloudml-hypertune's records, in the order of their names.

    `text` has the names (`protocol.metric_names`); when it is empty, the result is the last value of any metric.
    """
    values = [Metric(r.metric, r.value) for r in parse_records(records) if r.metric and math.isfinite(r.value)]
    found = (
        next((metric for metric in reversed(values) if name in ("", metric.name)), None) for name in metric_names(text)
    )
    return tuple(metric for metric in found if metric is not None)


def _make_folders(retraining: Retraining) -> None:
    for folder in (retraining.model_dir, retraining.checkpoint_dir):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be created: {error.strerror}") from error


def _warm(step: ExecutorInput, retraining: Retraining) -> Retraining:
    """Return the retraining that starts from a checkpoint, if the pipeline asks for that. Raises CommandError."""
    start = warm_start(step, retraining.checkpoint_dir)
    if start is None:
        return retraining
    tell(start.sentence())
    return replace(retraining, overrides=(*retraining.overrides, start.override))


def _hydra_source(retraining: Retraining, output_dir: Path | None, began_ns: int) -> Source:
    usual = retraining.model_dir.with_name(HYDRA_FOLDER)
    return Source(usual) if output_dir in (None, usual) else Source(output_dir, began_ns - _CLOCK_TOLERANCE_NS)


def _provide_model(retraining: Retraining, before: Content, hydra: Source) -> None:
    """Find a model that the app wrote into another folder, and say where it is."""
    added = provide_model(retraining.model_dir, before, (hydra, Source(retraining.checkpoint_dir)))
    if added:
        tell(added)
    elif not has_files(retraining.model_dir):
        tell(
            f"the app wrote nothing into ${MODEL_DIR} ({retraining.model_dir}/), and no file with a model's name into "
            f"{hydra.folder}/, so the step's model is empty"
        )
