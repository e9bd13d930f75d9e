"""The pipeline step `tune`: creates the job, watches it until it ends, and writes the finished document."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hydra_vertex.job import HyperparameterTuningJob, parse_study_spec, parse_trial_job_spec, save_job
from hydra_vertex.launcher.files.disk_space import DISKS_VARIABLE, full_disk, watched_folders
from hydra_vertex.launcher.preflight.job_builder import build_job
from hydra_vertex.launcher.study.client import JobService, connect
from hydra_vertex.launcher.study.live_table import StudyDisplay
from hydra_vertex.launcher.study.watch import watch
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, Interrupted
from hydra_vertex.protocol.executor import ExecutorInput
from hydra_vertex.protocol.json import Json, JsonObject

from .step import run_step

POLL_LOCAL_S = 0.5
POLL_REMOTE_S = 20.0


def tune(given: ExecutorInput) -> None:
    """Tune an app with a Vertex AI HyperparameterTuningJob, or with a service that has the same API.

    SIGTERM, which a cancelled pipeline sends to its steps, cancels the job, also when it arrives during the creation.
    Ctrl-C ends only this step; the job continues in the service. Raises Interrupted after Ctrl-C and SIGTERM.
    """
    location, api_endpoint = given.text("location"), given.text("api_endpoint")
    service = connect(location, api_endpoint)
    with _sigterm_cancels(service) as cancellation:
        name = given.text("existing_job") or _create(service, given).name
        _write_output(given, name)
        cancellation.job_name_is(name)
        job = _watch(service, name, POLL_LOCAL_S if api_endpoint.startswith("http://") else POLL_REMOTE_S)
    save_job(job, given.outputs["job"].path)
    _write_output(given, name)


def _watch(service: JobService, name: str, poll_interval_s: float) -> HyperparameterTuningJob:
    with StudyDisplay() as display:
        try:
            return watch(
                service,
                name,
                poll_interval_s=poll_interval_s,
                on_update=lambda job: display.update(job, _disk_notice(os.environ.get(DISKS_VARIABLE, ""))),
            )
        except KeyboardInterrupt as error:
            raise Interrupted(f"stopped watching {name}; its measurements are kept") from error


def requested_job(given: ExecutorInput) -> HyperparameterTuningJob:
    """Build the job that the step's parameters describe. Raises UserError when they do not describe a valid job."""
    return build_job(
        display_name=given.text("display_name"),
        study_spec=parse_study_spec(_json(given, "study_spec"), "study_spec"),
        trial_job_spec=parse_trial_job_spec(_json(given, "trial_job_spec"), "trial_job_spec"),
        app=given.strings("app_command"),
        max_trial_count=given.integer("max_trial_count"),
        parallel_trial_count=given.integer("parallel_trial_count"),
        max_failed_trial_count=given.integer("max_failed_trial_count"),
        labels={key: str(value) for key, value in _json(given, "labels").items()},
        monitor=given.strings("monitor"),
        sweeps=given.strings("sweeps"),
    )


def _disk_notice(disks: str) -> str:
    """Return the notice displayed while a disk of a local run is full; the service, which waits, only logs it."""
    full = full_disk(watched_folders(disks))
    if full is None:
        return ""
    return (
        f"{full}: the trials wait, and their measurements are kept. Free some space there to continue, "
        "or press Ctrl-C and run the same command again later"
    )


def _create(service: JobService, given: ExecutorInput) -> HyperparameterTuningJob:
    parent = f"projects/{given.text('project')}/locations/{given.text('location')}"
    return service.create(parent, requested_job(given))


def _write_output(given: ExecutorInput, name: str) -> None:
    """Write the step's outputs. They are also written before the job has ended, for the console's link to the job."""
    endpoint = given.text("api_endpoint") or f"https://{given.text('location')}-aiplatform.googleapis.com"
    resource: Json = {"resourceType": "HyperparameterTuningJob", "resourceUri": f"{endpoint}/v1/{name}"}
    given.write_output({"gcp_resources": json.dumps({"resources": [resource]})}, {"job": {"resourceName": name}})


def _json(given: ExecutorInput, name: str) -> JsonObject:
    text = given.text(name)
    try:
        value = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise DocumentError(name, f"not JSON ({error}): {text!r:.200}") from error
    if not isinstance(value, dict):
        raise DocumentError(name, f"expected a JSON object, got {text!r:.200}")
    return value


class _Cancellation:
    """Cancels the job on SIGTERM. A SIGTERM while the job is being created takes effect when its name is known."""

    def __init__(self, service: JobService) -> None:
        self._service = service
        self._name: str | None = None
        self._is_requested = False

    def job_name_is(self, name: str) -> None:
        """Raises Interrupted, with the job cancelled, when SIGTERM has come already."""
        self._name = name
        if self._is_requested:
            self._cancel(name)

    def on_signal(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - prescribed by signal
        self._is_requested = True
        if self._name is not None:
            self._cancel(self._name)

    def _cancel(self, name: str) -> None:
        self._service.cancel(name)
        raise Interrupted(f"{name} is cancelled, because this step was cancelled")


@contextmanager
def _sigterm_cancels(service: JobService) -> Iterator[_Cancellation]:
    cancellation = _Cancellation(service)
    before = signal.signal(signal.SIGTERM, cancellation.on_signal)
    try:
        yield cancellation
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(run_step("tune", tune))
