"""Cancels a job, and waits for a limited time until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from hydra_vertex.job import JobState

from .client import JobService


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The states of a job before it was cancelled and at the last look at it. `running` trials were counted before."""

    name: str
    before: JobState
    after: JobState
    running: int

    @property
    def is_certain(self) -> bool:
        """Whether the job has ended, so that nothing of it runs any more."""
        return self.after.is_terminal

    def sentence(self) -> str:
        """Say what happened to the job."""
        if self.before.is_terminal:
            return f"{self.name} had ended already ({self.before.value}); nothing was cancelled"
        if self.after is JobState.CANCELLED:
            return f"{self.name} is cancelled; {self.running} trials were running"
        if self.after.is_terminal:
            return f"{self.name} ended as {self.after.value} before it could be cancelled"
        return f"{self.name} was asked to end, and is {self.after.value}"


def request_cancellation(service: JobService, name: str) -> Cancellation:
    """Ask a job that has not ended to end. Raises ServiceError when the service refuses, or gives no answer."""
    job = service.get(name)
    running = sum(not trial.state.is_terminal for trial in job.trials)
    if job.state.is_ending:
        return Cancellation(name, job.state, job.state, running)
    service.cancel(name)
    return Cancellation(name, job.state, service.get(name).state, running)


def wait_for_end(
    service: JobService,
    asked: Cancellation,
    *,
    limit_s: float,
    poll_interval_s: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Cancellation:
    """Wait until a job that was asked to end has ended, for at most `limit_s` seconds; return its last state.

    Raises ServiceError when the service gives no answer.
    """
    deadline = clock() + limit_s
    while not asked.is_certain and clock() < deadline:
        sleep(poll_interval_s)
        asked = replace(asked, after=service.get(asked.name).state)
    return asked
