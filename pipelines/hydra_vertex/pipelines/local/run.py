"""A whole run on this machine: service, compiled pipeline, result."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, Interrupted
from hydra_vertex.protocol.files import write_atomic

from .guard import children_marked
from .run_folder import RunFolder, keep_file, keep_tree, keep_trial_logs, link_experiment

if TYPE_CHECKING:
    from hydra_vertex.service.devices.resource_options import ResourceOptions

    from .kfp_local import LocalRun

PROJECT = "local"
LOCATION = "local"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
SERVICE_START_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run leaves. `retrained_value` is None when the retrained app returned no metric."""

    folder: RunFolder
    best_trial: str
    best_value: float
    retrained_value: float | None
    overrides: tuple[str, ...]
    reproduce: str


def run_locally(
    folder: RunFolder,
    arguments: Mapping[str, str | int],
    *,
    goes_on: bool,
    again: str,
    resources: ResourceOptions,
    marker: str,
) -> RunResult:
    """Run the folder's compiled pipeline against a tuning service of its own, and gather the result.

    `again` is the command that goes on with this run, for the message when it is stopped; `marker` marks the steps'
    processes. Raises StepFailed when a step fails, ServiceError when the service does not start, Interrupted on Ctrl-C.
    What was measured is kept in every case.
    """
    from hydra_vertex.service.start import start_service

    from .kfp_local import run_pipeline

    with (
        _stopped_kindly(folder, again),
        _measurements_kept(folder),
        start_service(folder.studies, folder.log("service"), SERVICE_START_LIMIT_S, resources=resources) as service,
    ):
        given = {**arguments, "api_endpoint": service.url, "existing_job": _job_there(service.url) if goes_on else ""}
        with children_marked(marker):
            run = run_pipeline(folder.pipeline, given, pipeline_root=folder.pipeline_root, log=folder.log("pipeline"))
    return _gather(folder, run)


def _job_there(url: str) -> str:
    """The name of the job that an earlier start of this run created; empty when it did not come that far."""
    from hydra_vertex.launcher.study.client import connect

    return next((job.name for job in connect(LOCATION, url).list(PARENT)), "")


@contextmanager
def _stopped_kindly(folder: RunFolder, again: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"stopped; the trials are ended and what they measured is kept in {folder.path}. To go on:\n  {again}"
        ) from error


@contextmanager
def _measurements_kept(folder: RunFolder) -> Iterator[None]:
    """Leave the trials' logs and, once there is one, the finished job at their places, however the run ends."""
    try:
        yield
    finally:
        keep_trial_logs(folder)
        for job in sorted(folder.pipeline_root.glob("*/tune/job"), key=lambda path: path.stat().st_mtime)[-1:]:
            keep_file(job, folder.job)


def _gather(folder: RunFolder, run: LocalRun) -> RunResult:
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
    """The command, with the folder in the place that the step left for it."""
    from hydra_vertex.launcher.steps.select_best import CONFIG_DIR

    return str(run.parameter("select-best", "reproduce")).replace(CONFIG_DIR, shlex.quote(str(folder.config_dir)))


def _strings(value: object) -> tuple[str, ...]:
    items = json.loads(str(value))
    if not isinstance(items, list):
        raise DocumentError("select_best.overrides", f"expected a JSON array, got {value!r}")
    return tuple(str(item) for item in items)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
