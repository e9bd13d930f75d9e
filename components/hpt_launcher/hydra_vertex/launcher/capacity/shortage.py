"""Finds out from a job whether its machines cannot be had. Pure, but for one question to the service.

What Vertex AI's answers look like is known from documentation and published messages only: a job without quota stays
QUEUED, one without machines PENDING, or it fails with the code RESOURCE_EXHAUSTED or a message about a stockout.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from hydra_vertex.job import HyperparameterTuningJob, JobState, Trial, TrialState
from hydra_vertex.protocol.errors import HydraVertexError, ServiceError

from .rungs import Rung
from .strategies import FLEX_START

_RESOURCE_EXHAUSTED = 8
"""google.rpc.Code."""
_SHORTAGE = re.compile(
    r"stock[- ]?out|resources? (are|is) insufficient|insufficient (resources|capacity)|not have enough resources|"
    r"resource_pool_exhausted|resource_?exhausted|quota metrics exceed|out of capacity",
    re.IGNORECASE,
)


class CapacityLackingError(HydraVertexError):
    """The machines of a job cannot be had, or not within the time of its rung."""


class RungWatch:
    """Decides whether to leave a rung. `has_started` says of a trial's CustomJob whether its machines have started.

    It returns None when that is not known. `now` returns the service's time.
    """

    def __init__(
        self, rung: Rung, number: int, now: Callable[[], datetime], has_started: Callable[[str], bool | None]
    ) -> None:
        self.rung = rung
        self.number = number
        self._now = now
        self._has_started = has_started
        self._is_had = False

    @property
    def is_last(self) -> bool:
        """Whether this is the last rung, which waits without a limit."""
        return self.rung.max_wait_s is None

    def require_capacity(self, job: HyperparameterTuningJob) -> None:
        """Raise CapacityLackingError when the job has had no machine within the rung's time, and cannot have one.

        The job of an earlier start of the step, which was cancelled after that time, counts as left. A job that was
        cancelled before was cancelled by somebody else.
        """
        if self.rung.max_wait_s is None or job.state is JobState.SUCCEEDED:
            return
        known = [True] if self._is_had else [self._has_run(trial) for trial in job.trials]
        self._is_had = True in known
        # Where it is not known now, the next poll decides: a running job must not be cancelled.
        if self._is_had or None in known:
            return
        if problem := shortage_in(job):
            raise CapacityLackingError(f"no {self.rung.name}: {problem}")
        waited_s = self._waited_s(job)
        if waited_s >= self.rung.max_wait_s and (not job.state.is_terminal or self._may_be_left(job)):
            raise CapacityLackingError(f"no {self.rung.name} after {waited_s:.0f} s")

    def _may_be_left(self, job: HyperparameterTuningJob) -> bool:
        return job.state is JobState.CANCELLED or self.rung.strategy == FLEX_START

    def _waited_s(self, job: HyperparameterTuningJob) -> float:
        if job.create_time is None:
            return 0.0
        until = (job.end_time or job.update_time) if job.state.is_ending else None
        return ((until or self._now()) - job.create_time).total_seconds()

    def _has_run(self, trial: Trial) -> bool | None:
        """Whether a trial has had its machines; None: not known. On Vertex AI it is ACTIVE before it has them."""
        if trial.final_measurement is not None or trial.measurements:
            return True
        if trial.state in {TrialState.REQUESTED, TrialState.UNSPECIFIED} or trial.start_time is None:
            return False
        if _SHORTAGE.search(trial.infeasible_reason):
            return False
        return self._has_started(trial.custom_job) if trial.custom_job else True


def shortage_in(job: HyperparameterTuningJob) -> str:
    """Return the error of a failed job that says that there are no machines or no quota; empty for any other job."""
    error = job.error
    if job.state is not JobState.FAILED or error is None:
        return ""
    return error.message if error.code == _RESOURCE_EXHAUSTED or _SHORTAGE.search(error.message) else ""


def is_refusal_for_capacity(error: ServiceError) -> bool:
    """Whether the service has refused to create a job because of a quota: RESOURCE_EXHAUSTED, which is 429 in HTTP."""
    return error.http_status == HTTPStatus.TOO_MANY_REQUESTS
