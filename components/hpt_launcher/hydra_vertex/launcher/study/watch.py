"""Polls a job until it ends, and passes each update to a callback."""

from __future__ import annotations

import time
from collections.abc import Callable

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.protocol.errors import ServiceError

from .client import JobService

WATCH_LIMIT_S = 28 * 24 * 3600.0
"""Four weeks: longer than any study is expected to run."""


def watch(
    service: JobService,
    name: str,
    *,
    poll_interval_s: float,
    on_update: Callable[[HyperparameterTuningJob], None],
    limit_s: float = WATCH_LIMIT_S,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> HyperparameterTuningJob:
    """Poll until the job is in a terminal state, and return its final state.

    `on_update` gets the job at every poll. Raises ServiceError when the service does not answer for longer than the
    client retries, or when the job has not ended after `limit_s` seconds; the job itself then continues.
    """
    deadline = clock() + limit_s
    while True:
        job = service.get(name)
        on_update(job)
        if job.state.is_terminal:
            return job
        if clock() >= deadline:
            raise ServiceError(
                f"{name} is still {job.state.value} after {limit_s:.0f} s; it continues, so watch it again"
            )
        sleep(poll_interval_s)
