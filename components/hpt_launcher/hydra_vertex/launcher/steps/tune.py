"""The pipeline step `tune`: creates the job, watches it until it ends, and writes the finished document."""

from __future__ import annotations

import os
import signal
import sys

from hydra_vertex.job import HyperparameterTuningJob, parse_study_spec, parse_trial_job_spec, save_job
from hydra_vertex.launcher.decisions import ON_UNSUCCESSFUL_JOB, SELECT
from hydra_vertex.launcher.files.disk_space import DISKS_VARIABLE, full_disk, watched_folders
from hydra_vertex.launcher.preflight.job_builder import build_job
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.study.client import JobService, connect, limits_for
from hydra_vertex.launcher.study.ending import fails_alike, places_of, problem_of
from hydra_vertex.launcher.study.live_table import StudyDisplay
from hydra_vertex.launcher.study.one_job import RUN_LABEL, OneJob, run_label
from hydra_vertex.launcher.study.retry import RetryLimits
from hydra_vertex.launcher.study.stop_signals import StopRequestedError, StopSignals
from hydra_vertex.launcher.study.watch import watch
from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, Interrupted, ServiceError, ServiceUnreachableError, StudyError
from hydra_vertex.protocol.executor import ExecutorInput
from hydra_vertex.protocol.json import Json, JsonObject

from .step import one_of, run_step

POLL_LOCAL_S = 0.5
POLL_REMOTE_S = 20.0
_TO_GO_ON = "\nTo go on with what was measured: --on-unsuccessful-job select (the parameter on_unsuccessful_job)"
_POLLS_WITH_SEARCH = frozenset({1, 2, 4, 8, 16})
"""The polls at which a second job, from a request that was delivered twice or late, is searched for and cancelled."""


def tune(given: ExecutorInput) -> None:
    """Tune an app with a Vertex AI HyperparameterTuningJob, or with a service that has the same API.

    The step has exactly one job, also when it is started again: see `study.one_job`. SIGTERM, which a cancelled
    pipeline sends to its steps, cancels the job, also while it is being created; so does Ctrl-C, unless the service is
    on this machine, where a later run continues the job. A job that was given (`existing_job`) is never cancelled.
    Raises Interrupted after a signal, and StudyError when the job did not succeed, unless `on_unsuccessful_job` is
    `select`. The job's last known state is written in every case.
    """
    endpoint = given.text("api_endpoint")
    goes_on = one_of(given, "on_unsuccessful_job", ON_UNSUCCESSFUL_JOB) == SELECT
    with StopSignals().armed() as signals:
        service = connect(given.text("location"), endpoint, check=signals.check)
        run = TuningRun(given, service, signals, limits_for(endpoint))
        try:
            job = run.finished_job()
        finally:
            if run.last_state is not None:
                save_job(run.last_state, given.outputs["job"].path)
    _write_output(given, job.name)
    # A trial's own output, which may have secrets, is the reason of its failure.
    problem = masker_of(job, os.environ).text(problem_of(job))
    if problem and not goes_on:
        raise StudyError("\n".join([f"{problem}{_TO_GO_ON}", *(() if run.is_local else places_of(job))]))
    if problem:
        print(f"tune: {one_line(problem)}; the pipeline goes on with what was measured", file=sys.stderr)


class TuningRun:
    """One run of the step, from the creation of its job to the end of the job."""

    def __init__(self, given: ExecutorInput, service: JobService, signals: StopSignals, limits: RetryLimits) -> None:
        self._given = given
        self._service = service
        self._signals = signals
        self._limits = limits
        self._is_own = not given.text("existing_job")
        self._name = given.text("existing_job") or recorded_job(given)
        self._polls = 0
        self.last_state: HyperparameterTuningJob | None = None
        self._one = OneJob(service, _parent(given), run_id(given), limits, signals.pause)

    def finished_job(self) -> HyperparameterTuningJob:
        """Create the job, unless there is one, and watch it until it ends. Raises Interrupted after a signal."""
        try:
            return self._created_and_watched()
        except StopRequestedError as error:
            raise Interrupted(self._stopped(error)) from error
        except ServiceUnreachableError as error:
            raise ServiceUnreachableError(f"{error}. {self._may_go_on()}") from error
        except OSError:
            # Nobody would watch a job whose name cannot be written.
            if self._is_own:
                print(f"tune: {self._cancelled()}", file=sys.stderr)
            raise

    def _created_and_watched(self) -> HyperparameterTuningJob:
        if not self._name:
            self._name = self._one.create(requested_job(self._given)).name
        _write_output(self._given, self._name)
        job = self._watched()
        if self._is_own:
            self._one.cancel_late_ones(self._name)
        return job

    def _watched(self) -> HyperparameterTuningJob:
        with StudyDisplay() as display:
            return watch(
                self._service,
                self._name,
                poll_interval_s=POLL_LOCAL_S if self.is_local else POLL_REMOTE_S,
                on_update=lambda job: self._update(job, display),
                sleep=self._signals.pause,
            )

    @property
    def is_local(self) -> bool:
        """Whether the service is on this machine."""
        return self._given.text("api_endpoint").startswith("http://")

    def _update(self, job: HyperparameterTuningJob, display: StudyDisplay) -> None:
        self.last_state = job
        display.update(job, _disk_notice(os.environ.get(DISKS_VARIABLE, "")))
        self._polls += 1
        if self._is_own and self._polls in _POLLS_WITH_SEARCH:
            self._one.cancel_others(self._name)
        reason = masker_of(job, os.environ).text(fails_alike(job)) if self._is_own else ""
        if reason:
            raise StudyError(
                f"every trial of {self._name} failed alike, so the job is not continued: {self._cancelled()}. "
                f"Change the app, or set the number of failed trials that ends a study (--max-failed-trials). {reason}"
            )

    def _stopped(self, error: StopRequestedError) -> str:
        """Cancel the job where that is the meaning of the signal. Return what happens to it."""
        if self._name and (not self._is_own or (self.is_local and error.signum == signal.SIGINT)):
            return f"stopped watching {self._name}; the job continues, and its measurements are kept"
        return f"{self._cancelled()}, because this step was cancelled"

    def _may_go_on(self) -> str:
        """Return what the user can do about a job that nobody watches any more."""
        if not self._name:
            return f"A job with the label {RUN_LABEL}={run_id(self._given)} may exist; list the jobs, and cancel it"
        return f"{self._name} may go on; start the step again to watch it, or cancel it"

    def _cancelled(self) -> str:
        """Cancel the step's job. Return one sentence about what happened to it."""
        try:
            states = self._one.cancel(self._name)
        except ServiceError as error:
            return f"{self._name or 'the job'} could not be cancelled and may go on: {error}"
        ended = [name for name, state in states.items() if state.is_terminal]
        cancelled = [name for name in states if name not in ended]
        sentences = [f"{name} had ended already" for name in ended] + [f"{name} is cancelled" for name in cancelled]
        return ", ".join(sentences) or "no job was created"


def run_id(given: ExecutorInput) -> str:
    """Return the id of this step's run: the address of its output, which has the ids of the pipeline job and the task.

    A step that is started again has the same address, and so the same id.
    """
    return run_label(given.outputs["job"].uri)


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
        aliases=given.strings("aliases"),
        other=_json(given, "job_fields"),
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


def recorded_job(given: ExecutorInput) -> str:
    """Return the job that an earlier start of this step has recorded in its output `gcp_resources`; empty for none."""
    try:
        document = json.loads(given.output_parameters["gcp_resources"].read_text())
        uri = str(document["resources"][0]["resourceUri"])  # type: ignore[index,call-overload] # an error means: none
    except (KeyError, IndexError, TypeError, OSError, ValueError):
        return ""
    return uri.partition("/v1/")[2]


def _parent(given: ExecutorInput) -> str:
    return f"projects/{given.text('project')}/locations/{given.text('location')}"


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


if __name__ == "__main__":
    sys.exit(run_step("tune", tune))
