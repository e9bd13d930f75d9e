"""The changes of state that a custom job and a pipeline job share: each is one run. Pure; the caller passes `now`.

The states are PENDING, RUNNING, then SUCCEEDED or FAILED; or CANCELLING, then CANCELLED. A job whose process must be
started again returns to PENDING.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from hydra_vertex.job import CustomJob
from hydra_vertex.job.pipeline_job import PipelineJob

J = TypeVar("J", CustomJob, PipelineJob)


def accept(job: J, name: str, now: datetime) -> J:
    """Return a created job in state PENDING. Values of output-only fields that the client has sent are dropped."""
    return replace(
        job,
        name=name,
        state=type(job.state).PENDING,
        create_time=now,
        update_time=now,
        start_time=None,
        end_time=None,
        error=None,
    )


def begin(job: J, now: datetime) -> J:
    """Return the job in state RUNNING. Its start time is that of the first start."""
    return replace(job, state=type(job.state).RUNNING, start_time=job.start_time or now, update_time=now)


def postpone(job: J, now: datetime) -> J:
    """Return the job in state PENDING, because it must run again."""
    return replace(job, state=type(job.state).PENDING, update_time=now)


def request_cancel(job: J, now: datetime) -> J:
    """Return the job in state CANCELLING, because its process must be ended."""
    return replace(job, state=type(job.state).CANCELLING, update_time=now)
