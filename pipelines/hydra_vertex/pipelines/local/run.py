"""Runs a study on this machine: starts a tuning service, runs the compiled pipeline, collects the result."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.job import JobState
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, Interrupted
from hydra_vertex.protocol.files import write_atomic

from .failures import full_disk_named
from .guard import children_marked
from .run_folder import COUNTS, RunFolder, keep_file, keep_tree, keep_trial_logs, link_experiment

if TYPE_CHECKING:
    from hydra_vertex.service.devices.resource_options import ResourceOptions

    from .kfp_local import LocalRun

PROJECT = "local"
LOCATION = "local"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
SERVICE_START_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run. `retrained_value` is None when the retrained app returned no metric."""

    folder: RunFolder
    best_trial: str
    best_value: float
    retrained_value: float | None
    overrides: tuple[str, ...]
    reproduce: str


@dataclass(frozen=True, slots=True)
class RunContext:
    """The settings of a run other than the pipeline's arguments.

    `goes_on`: an earlier start of the same run may have created the job. `again` is the command that continues the run,
    for messages. `marker` marks the processes of the steps. The `disks` are watched for free space.
    """

    goes_on: bool
    again: str
    marker: str
    resources: ResourceOptions
    disks: tuple[Path, ...]


def run_locally(folder: RunFolder, arguments: Mapping[str, str | int], context: RunContext) -> RunResult:
    """Run the folder's compiled pipeline with a new tuning service, and collect the result.

    Raises StepFailed when a step fails, ServiceError when the service does not start, Interrupted on Ctrl-C, DiskFull
    when the cause is a full disk. All measurements are kept in every case.
    """
    with full_disk_named(context.disks, context.again):
        return _collect(folder, _run(folder, arguments, context))


def _run(folder: RunFolder, arguments: Mapping[str, str | int], context: RunContext) -> LocalRun:
    from hydra_vertex.service.start import start_service

    from .kfp_local import run_pipeline

    with (
        _interrupt_reported(folder, context.again),
        _measurements_kept(folder),
        start_service(
            folder.studies,
            folder.log("service"),
            SERVICE_START_LIMIT_S,
            options=_counts(arguments) if context.goes_on else (),
            resources=context.resources,
        ) as service,
    ):
        existing_job = _existing_job(service.url) if context.goes_on else ""
        given = {**arguments, "api_endpoint": service.url, "existing_job": existing_job}
        with children_marked(context.marker):
            return run_pipeline(
                folder.pipeline,
                given,
                pipeline_root=folder.pipeline_root,
                log=folder.log("pipeline"),
                disks=context.disks,
            )


def _counts(arguments: Mapping[str, str | int]) -> tuple[str, ...]:
    from hydra_vertex.service.start import count_options

    trials, parallel, failed = (int(arguments[name]) for name in COUNTS)
    return count_options(trials, parallel, failed or trials)


def _existing_job(url: str) -> str:
    """Return the name of the job that an earlier start of this run created; empty when it created none.

    A job that ended without success and without any measurement has nothing to go on with, so there is a new one.
    """
    from hydra_vertex.launcher.study.client import connect

    service = connect(LOCATION, url)
    newest = next(iter(service.list(PARENT)), None)
    if newest is None:
        return ""
    has_failed = newest.state.is_terminal and newest.state is not JobState.SUCCEEDED
    if has_failed and not any(trial.final_measurement for trial in service.get(newest.name).trials):
        return ""
    return newest.name


@contextmanager
def _interrupt_reported(folder: RunFolder, again: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"stopped; the trials are ended and their measurements are kept in {folder.path}. To continue:\n  {again}"
        ) from error


@contextmanager
def _measurements_kept(folder: RunFolder) -> Iterator[None]:
    """Copy the trials' logs and the job document, if one was written, to the result, also when the run fails."""
    try:
        yield
    except BaseException:
        # A file that cannot be copied stays at its source. The first error is the one to report.
        with suppress(OSError):
            _keep_measurements(folder)
        raise
    _keep_measurements(folder)


def _keep_measurements(folder: RunFolder) -> None:
    for job in sorted(folder.pipeline_root.glob("*/tune/job"), key=lambda path: path.stat().st_mtime)[-1:]:
        keep_file(job, folder.job)
    keep_trial_logs(folder)


def _collect(folder: RunFolder, run: LocalRun) -> RunResult:
    from hydra_vertex.launcher.best.best_trial import overrides_text

    keep_file(run.artifact("select-best", "best_config"), folder.best)
    keep_file(run.artifact("select-best", "report"), folder.report)
    link_experiment(folder)
    keep_tree(run.artifact("retrain", "model"), folder.model)
    overrides = _strings(run.parameter("select-best", "overrides"))
    write_atomic(folder.overrides, overrides_text(overrides))
    return RunResult(
        folder=folder,
        best_trial=str(run.parameter("select-best", "best_trial_id")),
        best_value=float(str(run.parameter("select-best", "best_value"))),
        retrained_value=_number(run.parameter("retrain", "metric_value")),
        overrides=overrides,
        reproduce=_reproduce(run, folder),
    )


def _reproduce(run: LocalRun, folder: RunFolder) -> str:
    """Return the command with the run's config folder in place of the placeholder of the step."""
    from hydra_vertex.launcher.steps.select_best import CONFIG_DIR

    return str(run.parameter("select-best", "reproduce")).replace(CONFIG_DIR, shlex.quote(str(folder.config_dir)))


def _strings(value: object) -> tuple[str, ...]:
    items = json.loads(str(value))
    if not isinstance(items, list):
        raise DocumentError("select_best.overrides", f"expected a JSON array, got {value!r}")
    return tuple(str(item) for item in items)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
