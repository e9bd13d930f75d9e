"""The ends of a custom job, and the custom job that represents a trial. Pure; the caller passes `now`.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
The states before the end are in `run_state`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hydra_vertex.job import (
    ContainerSpec,
    CustomJob,
    HyperparameterTuningJob,
    JobError,
    JobState,
    Trial,
    TrialState,
)
from hydra_vertex.service.resource_names import trial_custom_job
from hydra_vertex.service.status import Status

CANCELED = JobError(Status.CANCELLED.rpc_code, "CANCELED")
"""The error that Vertex AI gives to a cancelled job."""


def finish(job: CustomJob, state: JobState, error: JobError | None, now: datetime) -> CustomJob:
    """Return the job in the terminal state `state`; `error` is None when it succeeded."""
    return replace(job, state=state, error=error, end_time=now, update_time=now)


_STATES = {
    TrialState.REQUESTED: JobState.PENDING,
    TrialState.ACTIVE: JobState.RUNNING,
    TrialState.STOPPING: JobState.CANCELLING,
    TrialState.SUCCEEDED: JobState.SUCCEEDED,
}


def custom_job_of(job: HyperparameterTuningJob, trial: Trial, arguments: tuple[str, ...]) -> CustomJob:
    """Return the CustomJob that represents a trial; `arguments` are the arguments that give it its parameters."""
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
    """Map the end of a trial to a custom job's state and error.

    A trial that was stopped early is CANCELLED whatever its final measurement, so that clients can recognise it.
    """
    if trial.state.is_terminal and trial.stopped_early:
        return JobState.CANCELLED, JobError(Status.CANCELLED.rpc_code, trial.stopping_reason)
    if trial.state is TrialState.INFEASIBLE:
        return JobState.FAILED, JobError(Status.INVALID_ARGUMENT.rpc_code, trial.infeasible_reason)
    return _STATES.get(trial.state, JobState.UNSPECIFIED), None
