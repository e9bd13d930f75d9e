"""Polls a job until it ends, and passes each update to a callback."""

from __future__ import annotations

import time
from collections.abc import Callable

from hydra_vertex.job import HyperparameterTuningJob, JobState
from hydra_vertex.protocol.errors import ServiceError

from .client import JobService

POLL_LOCAL_S = 0.5
POLL_REMOTE_S = 20.0
WATCH_LIMIT_S = 28 * 24 * 3600.0
"""Four weeks: longer than any study is expected to run."""
PAUSED_LIMIT_S = 24 * 3600.0
"""The longest time in which a paused job is expected to be resumed. The API has no method that resumes it."""


def poll_interval_s(api_endpoint: str) -> float:
    """Return the usual time between two requests to an endpoint, in seconds."""
    return POLL_LOCAL_S if api_endpoint.startswith("http://") else POLL_REMOTE_S


def watch(
    service: JobService,
    name: str,
    *,
    poll_interval_s: float,
    on_update: Callable[[HyperparameterTuningJob], None],
    limit_s: float = WATCH_LIMIT_S,
    paused_limit_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> HyperparameterTuningJob:
    """Poll until the job is in a terminal state, or paused for `paused_limit_s` seconds, and return its last state.

    A `paused_limit_s` of None is PAUSED_LIMIT_S. `on_update` gets the job at every poll. Raises ServiceError when the
    service does not answer for longer than the client retries, or when the job has not ended after `limit_s` seconds;
    the job itself then continues.
    """
    deadline = clock() + limit_s
    paused_limit_s = PAUSED_LIMIT_S if paused_limit_s is None else paused_limit_s
    active_s = clock()
    while True:
        job = service.get(name)
        on_update(job)
        if job.state is not JobState.PAUSED:
            active_s = clock()
        if job.state.is_terminal or clock() - active_s >= paused_limit_s:
            return job
        if clock() >= deadline:
            raise ServiceError(
                f"{name} is still {job.state.value} after {limit_s:.0f} s; it continues, so watch it again"
            )
        sleep(poll_interval_s)
