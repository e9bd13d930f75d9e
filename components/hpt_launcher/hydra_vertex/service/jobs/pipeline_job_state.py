"""The tasks and the ends of a pipeline job. Pure: functions from values to values; the caller passes `now`.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.pipelineJobs
The states before the end are in `run_state`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hydra_vertex.job import JobError
from hydra_vertex.job.pipeline_job import PipelineJob, PipelineState, PipelineTask, TaskState
from hydra_vertex.service.status import Status

from . import run_state

CANCELED = JobError(Status.CANCELLED.rpc_code, "The pipeline was cancelled.")


def accept(job: PipelineJob, name: str, now: datetime) -> PipelineJob:
    """Return a created job in state PENDING, without tasks that the client has sent."""
    return replace(run_state.accept(job, name, now), tasks=())


def with_tasks(job: PipelineJob, tasks: Sequence[PipelineTask], now: datetime) -> PipelineJob:
    """Return the job with the tasks that its run reports."""
    return replace(job, tasks=tuple(tasks), update_time=now)


def succeed(job: PipelineJob, now: datetime) -> PipelineJob:
    """Return the job in state SUCCEEDED."""
    return replace(job, state=PipelineState.SUCCEEDED, end_time=now, update_time=now)


def cancelled(job: PipelineJob, now: datetime) -> PipelineJob:
    """Return the job in state CANCELLED."""
    tasks = _ended_tasks(job.tasks, TaskState.CANCELLED, now)
    return replace(job, state=PipelineState.CANCELLED, error=CANCELED, tasks=tasks, end_time=now, update_time=now)


def fail(job: PipelineJob, reason: str, now: datetime) -> PipelineJob:
    """Return the job in state FAILED. The message names the failed tasks, and ends with `reason`."""
    tasks = _ended_tasks(job.tasks, TaskState.FAILED, now)
    failed = [task.name for task in tasks if task.state is TaskState.FAILED]
    # The wording of Vertex AI.
    named = f"The DAG failed because some tasks failed. The failed tasks are: [{', '.join(failed)}]. " if failed else ""
    error = JobError(Status.FAILED_PRECONDITION.rpc_code, f"{named}{reason}")
    return replace(job, state=PipelineState.FAILED, error=error, tasks=tasks, end_time=now, update_time=now)


def _ended_tasks(tasks: Sequence[PipelineTask], end: TaskState, now: datetime) -> tuple[PipelineTask, ...]:
    """Return the tasks after the end of their pipeline: a running one has the state `end`, a waiting one never runs."""
    ends = {TaskState.RUNNING: end, TaskState.PENDING: TaskState.NOT_TRIGGERED}
    return tuple(replace(task, state=ends[task.state], end_time=now) if task.state in ends else task for task in tasks)
