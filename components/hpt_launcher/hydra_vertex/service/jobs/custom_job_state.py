"""`CustomJob` as a value, and its state machine. Pure: values in, values out; `now` is always given.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
A custom job goes PENDING, RUNNING, then SUCCEEDED or FAILED, or by way of CANCELLING to CANCELLED; one whose process
was put off goes back to PENDING.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from hydra_vertex.job import (
    ContainerSpec,
    HyperparameterTuningJob,
    JobError,
    JobState,
    Trial,
    TrialJobSpec,
    TrialState,
    dump_trial_job_spec,
    parse_trial_job_spec,
)
from hydra_vertex.job.fields import Fields, format_time, present
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.resource_names import trial_custom_job
from hydra_vertex.service.status import Status

CANCELED = JobError(Status.CANCELLED.rpc_code, "CANCELED")
"""What Vertex AI writes into the error of a cancelled job."""

_TIMES = {"createTime": "create_time", "startTime": "start_time", "endTime": "end_time", "updateTime": "update_time"}


@dataclass(frozen=True, slots=True)
class CustomJob:
    """A custom job. What only the service fills in (from `name` on) is empty in a job that is yet to be created."""

    display_name: str
    spec: TrialJobSpec
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    state: JobState = JobState.UNSPECIFIED
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    error: JobError | None = None
    other: JsonObject = field(default_factory=dict)


def parse_custom_job(value: Json) -> CustomJob:
    """Read a `CustomJob`. Raises DocumentError naming the field; checks form, not sense."""
    fields = Fields(value, "")
    error = fields.child("error") if fields.has("error") else None
    return CustomJob(
        name=fields.text("name"),
        display_name=fields.text("displayName"),
        spec=parse_trial_job_spec(fields.message("jobSpec"), "jobSpec"),
        labels=_parse_labels(fields),
        state=fields.enum("state", JobState, JobState.UNSPECIFIED),
        create_time=fields.time("createTime"),
        start_time=fields.time("startTime"),
        end_time=fields.time("endTime"),
        update_time=fields.time("updateTime"),
        error=None if error is None else JobError(error.integer("code"), error.text("message")),
        other=fields.rest(),
    )


def dump_custom_job(job: CustomJob) -> JsonObject:
    """The JSON of a `CustomJob`."""
    times = {name: getattr(job, attribute) for name, attribute in _TIMES.items()}
    return {
        **job.other,
        **present(
            name=job.name,
            displayName=job.display_name,
            jobSpec=dump_trial_job_spec(job.spec),
            labels=dict(job.labels),
            state=None if job.state is JobState.UNSPECIFIED else job.state.value,
            error=None if job.error is None else {"code": job.error.code, "message": job.error.message},
        ),
        **{name: format_time(moment) for name, moment in times.items() if moment is not None},
    }


def accept(job: CustomJob, name: str, now: datetime) -> CustomJob:
    """A created job: PENDING, and without whatever a client filled into the service's own fields."""
    return CustomJob(
        display_name=job.display_name,
        spec=job.spec,
        labels=job.labels,
        name=name,
        state=JobState.PENDING,
        create_time=now,
        update_time=now,
        other=job.other,
    )


def begin(job: CustomJob, now: datetime) -> CustomJob:
    """Its process runs. The start time is that of the first start."""
    return replace(job, state=JobState.RUNNING, start_time=job.start_time or now, update_time=now)


def postpone(job: CustomJob, now: datetime) -> CustomJob:
    """The job is to run again."""
    return replace(job, state=JobState.PENDING, update_time=now)


def request_cancel(job: CustomJob, now: datetime) -> CustomJob:
    """Its process is to be ended."""
    return replace(job, state=JobState.CANCELLING, update_time=now)


def finish(job: CustomJob, state: JobState, error: JobError | None, now: datetime) -> CustomJob:
    """The job has ended."""
    return replace(job, state=state, error=error, end_time=now, update_time=now)


_STATES = {
    TrialState.REQUESTED: JobState.PENDING,
    TrialState.ACTIVE: JobState.RUNNING,
    TrialState.STOPPING: JobState.CANCELLING,
    TrialState.SUCCEEDED: JobState.SUCCEEDED,
}


def custom_job_of(job: HyperparameterTuningJob, trial: Trial, arguments: tuple[str, ...]) -> CustomJob:
    """The CustomJob that a trial is; `arguments` are its parameters, as they stand on its command line."""
    state, error = _end_of(trial)
    base = job.trial_job_spec.base_output_uri
    pool, *others = job.trial_job_spec.worker_pools
    container = pool.container or ContainerSpec()
    started = replace(pool, container=replace(container, args=(*container.args, *arguments)))
    spec = replace(
        job.trial_job_spec,
        worker_pools=(started, *others),
        base_output_uri=f"{base.rstrip('/')}/{trial.id}" if base else "",
    )
    created = trial.start_time or job.update_time
    return CustomJob(
        display_name=f"{job.display_name[:100]}-trial-{trial.id}",
        spec=spec,
        labels=job.labels,
        name=trial_custom_job(job.name, trial.id),
        state=state,
        create_time=created,
        start_time=trial.start_time,
        end_time=trial.end_time,
        update_time=trial.end_time or created,
        error=error,
    )


def _end_of(trial: Trial) -> tuple[JobState, JobError | None]:
    """A trial that was stopped early was cancelled, whatever it is judged by: so a client can tell it from others."""
    if trial.state.is_terminal and trial.stopped_early:
        return JobState.CANCELLED, JobError(Status.CANCELLED.rpc_code, trial.stopping_reason)
    if trial.state is TrialState.INFEASIBLE:
        return JobState.FAILED, JobError(Status.INVALID_ARGUMENT.rpc_code, trial.infeasible_reason)
    return _STATES.get(trial.state, JobState.UNSPECIFIED), None


def _parse_labels(fields: Fields) -> dict[str, str]:
    labels = fields.message("labels")
    if not isinstance(labels, dict):
        raise DocumentError(fields.path("labels"), f"expected an object, got {labels!r}")
    return {name: str(value) for name, value in labels.items()}
