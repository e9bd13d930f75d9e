"""Runs a study on this machine: starts a tuning service, runs the compiled pipeline, collects the result."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.job import JobState
from hydra_vertex.job.confirmation import is_confirmation, job_id
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.steps.confirm import OUTPUT as CONFIRMATION
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, Interrupted, OutputError, UserError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.model_files import has_files
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE
from hydra_vertex.protocol.variables import variable_set

from .failures import full_disk_named
from .guard import children_marked
from .run_folder import (
    COUNTS,
    RunFolder,
    keep_file,
    keep_machines,
    keep_tree,
    keep_trial_logs,
    link_experiment,
    remove_trial_logs,
)
from .trial_folder import with_output_folder

if TYPE_CHECKING:
    from hydra_vertex.service.devices.resource_options import ResourceOptions
    from hydra_vertex.service.trials.engines.options import EngineOptions

    from .containers import Containers
    from .kfp_local import LocalRun

PROJECT = "local"
LOCATION = "local"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
SERVICE_START_LIMIT_S = 60.0
_REPEAT = "confirmation-trial"
"""The name of the logs of the repeats."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run. `retrained_value` is None when the retrained app returned no metric, or was not run.

    `comparison` is one sentence about the retrained metric and the best trial's; empty without a retrained metric.
    `best_model` and `best_checkpoint` are paths; empty when the best trial wrote none.
    """

    folder: RunFolder
    best_trial: str
    best_value: float
    retrained_value: float | None
    overrides: tuple[str, ...]
    reproduce: str
    comparison: str = ""
    best_model: str = ""
    best_checkpoint: str = ""


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
    engine: EngineOptions
    disks: tuple[Path, ...]
    containers: Containers | None = None
    """How the steps and trials are run in containers; None runs them as processes."""
    page: Callable[[str], AbstractContextManager[object]] = nullcontext
    """Returns the context in which the live page of the service at a URL is served. A run in containers has none."""


def run_locally(folder: RunFolder, arguments: Mapping[str, str | int], context: RunContext) -> RunResult:
    """Run the folder's compiled pipeline with a new tuning service, and collect the result.

    Raises StepFailed when a step fails, ServiceError when the service does not start, Interrupted on Ctrl-C, DiskFull
    when the cause is a full disk. All measurements are kept in every case.
    """
    with full_disk_named(context.disks, context.again):
        return collect(folder, _run(folder, arguments, context))


def _run(folder: RunFolder, arguments: Mapping[str, str | int], context: RunContext) -> LocalRun:
    if context.containers is None:
        return _run_as_processes(folder, arguments, context)
    from .container_run import run_in_containers

    with _interrupt_reported(folder, context.again, context.engine), measurements_kept(folder):
        return run_in_containers(
            folder,
            arguments,
            context.containers,
            marker=context.marker,
            disks=context.disks,
            service_options=(
                *(("--goes-on", *_counts(arguments)) if context.goes_on else ()),
                *context.resources.to_arguments(),
            ),
        )


def _run_as_processes(folder: RunFolder, arguments: Mapping[str, str | int], context: RunContext) -> LocalRun:
    from hydra_vertex.service.start import start_service

    from .kfp_local import run_pipeline

    with (
        _interrupt_reported(folder, context.again, context.engine),
        measurements_kept(folder),
        start_service(
            folder.studies,
            folder.log("service"),
            SERVICE_START_LIMIT_S,
            options=_counts(arguments) if context.goes_on else (),
            resources=context.resources,
            engine=context.engine,
        ) as service,
        # For the service's clients in this process, and for the steps.
        variable_set(TOKEN_FILE_VARIABLE, str(service.token_file)),
        context.page(service.url),
    ):
        job = existing_job(service.url) if context.goes_on else ""
        given = {
            **with_output_folder(arguments, folder.studies),
            "api_endpoint": service.url,
            "existing_job": job,
        }
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


def existing_job(url: str) -> str:
    """Return the name of the job that an earlier start of this run created; empty when it created none.

    A job that ended without success and without any measurement has nothing to go on with, so there is a new one.
    """
    from hydra_vertex.launcher.study.client import connect

    service = connect(LOCATION, url)
    newest = next((job for job in service.list(PARENT) if not is_confirmation(job)), None)
    if newest is None:
        return ""
    has_failed = newest.state.is_terminal and newest.state is not JobState.SUCCEEDED
    if has_failed and not any(trial.final_measurement for trial in service.get(newest.name).trials):
        return ""
    return newest.name


@contextmanager
def _interrupt_reported(folder: RunFolder, again: str, engine: EngineOptions) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        trials = "the trials are ended"
        if not engine.is_this_machine:
            trials = (
                f"{engine.name} was asked to end the trials ({folder.log('service')} names those that may still run)"
            )
        raise Interrupted(
            f"stopped; {trials} and their measurements are kept in {folder.path}. To continue:\n  {again}\n"
            f"For what there is: hydra-vertex report {shlex.quote(str(folder.path))}, and `best` in place of `report`"
        ) from error


@contextmanager
def measurements_kept(folder: RunFolder) -> Iterator[None]:
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
    newest = sorted(folder.pipeline_root.glob("*/tune/job"), key=lambda path: path.stat().st_mtime)[-1:]
    if not newest:
        keep_trial_logs(folder)
        if studies := sorted(folder.studies.glob("jobs/*/trials"), key=lambda path: path.stat().st_mtime):
            keep_machines(folder, studies[-1].parent.name)
    for job in newest:
        keep_file(job, folder.job)
        keep_trial_logs(folder, _id_in(job) or "*")
        if study := _id_in(job):
            keep_machines(folder, study)
        _keep_confirmation(job.with_name(CONFIRMATION), folder)


def _keep_confirmation(file: Path, folder: RunFolder) -> None:
    """Copy the job of the repeats and the logs of its trials, if there is one."""
    if not file.exists() or file.stat().st_size == 0:
        return
    keep_file(file, folder.confirmation)
    remove_trial_logs(folder, _REPEAT)
    if found := _id_in(file):
        keep_trial_logs(folder, found, _REPEAT)


def _id_in(file: Path) -> str:
    """Return the id of the job in a file; empty when there is none, so that logs are kept in any case."""
    try:
        return job_id(read_job(file).name)
    except UserError:
        return ""


def collect(folder: RunFolder, run: LocalRun) -> RunResult:
    """Copy the outputs of the steps to the result. Without a step `retrain`, there is no folder of a model.

    Raises OutputError when a step did not write an output.
    """
    from hydra_vertex.launcher.best.best_trial import overrides_text

    if not _has_repeats(run):
        folder.confirmation.unlink(missing_ok=True)
        remove_trial_logs(folder, _REPEAT)
    keep_file(run.artifact("select-best", "best_config"), folder.best)
    keep_file(run.artifact("select-best", "report"), folder.report)
    _keep_pareto(folder, run)
    link_experiment(folder)
    if "retrain" in run.outputs:
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
        comparison=str(run.parameter("retrain", "comparison") or ""),
        best_model=_filled(run, "best_model"),
        best_checkpoint=str(run.metadata("select-best", "best_checkpoint").get("checkpoint", "")),
    )


def _has_repeats(run: LocalRun) -> bool:
    """Whether the tuning step has written a job of repeats; a step of an earlier version has no such output."""
    try:
        return run.artifact("tune", CONFIRMATION).stat().st_size > 0
    except OutputError:
        return False


def _keep_pareto(folder: RunFolder, run: LocalRun) -> None:
    """Keep the files of the Pareto set; an earlier image, and a study of one objective, has none."""
    with suppress(OutputError):
        files = run.artifact("select-best", "pareto")
        if has_files(files):
            keep_tree(files, folder.pareto)


def _filled(run: LocalRun, name: str) -> str:
    """Return the path of an artifact of the selection; empty when it has no file, or an old image has not written it.

    A folder has a file if the step found one in it: else it is the artifact's own, which is empty.
    """
    try:
        path = run.artifact("select-best", name)
    except OutputError:
        return ""
    return str(path) if has_files(path) else ""


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
